// Several of this program, one of which leads: leader_election LABEL [SECONDS]
#include <baton/mysql/leader_election.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <mutex>
#include <thread>

#include "connection.hpp"

using namespace std::chrono_literals;

namespace {

std::mutex printing;
void say(const std::string& text) {
  const std::lock_guard guard{printing};
  std::cout << text << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string label = argc > 1 ? argv[1] : "somebody";
  const std::chrono::seconds how_long{argc > 2 ? std::stoi(argv[2]) : 3600};
  const auto where = connection_from_environment();
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before there are other threads: who is told to end, resigns

  const auto refused = [](const baton::failure& why) {
    std::cerr << why.context << "\n";
    return 1;
  };
  auto store = baton::mysql::store::create(where);
  if (!store) return refused(store.error());
  if (auto made = store->migrate(); !made) return refused(made.error());  // the tables for epochs, once for each database
  auto client = baton::mysql::lock_client::create(where);
  if (!client) return refused(client.error());

  // [election]
  baton::mysql::leader_election::options how;
  how.label = label;
  how.elected = [&](const baton::mysql::leadership& lead) {
    say(label + " leads, epoch " + std::to_string(lead.epoch));
    while (!lead.until.stop_requested()) std::this_thread::sleep_for(100ms);  // what only a leader does, a little at a time
  };
  how.deposed = [&](std::uint64_t epoch, std::optional<baton::lock::loss> reason) {
    say(label + " led until now, epoch " + std::to_string(epoch) + ": " + std::string{reason ? to_string(*reason) : "resigned"});
  };
  how.failed = [&](const baton::failure& why) { say(label + " cannot be elected: " + why.context); };
  const auto name = baton::lock::key::from("example:leader", {baton::lock::key_mode::portable, {}});
  auto election = baton::mysql::leader_election::start(**client, *name, how);
  if (!election) return refused(election.error());
  // [election]

  // [observer]
  const baton::mysql::leader_observer observer{**client, *name, 500ms, [&](const std::optional<baton::mysql::leader>& leader) {
                                                 say(label + " sees " + (leader ? leader->label + " lead" : "nobody lead"));
                                               }};
  // [observer]
  const timespec longest{how_long.count(), 0};
  sigtimedwait(&ends, nullptr, &longest);
  return 0;  // resigns: the next one leads at once
}
