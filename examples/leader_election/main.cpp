// Several of this program, one of which leads: leader_election LABEL [SECONDS]
#include <baton/mysql/leader_election.hpp>
#include <chrono>
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
  auto store = baton::mysql::store::create(where);
  auto client = baton::mysql::lock_client::create(where);
  if (!store || !client || !store->migrate()) {  // the tables for epochs, once for each database
    std::cerr << "the store cannot be used; baton doctor says why\n";
    return 1;
  }

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
  if (!election) {
    std::cerr << election.error().context << "\n";
    return 1;
  }
  // [election]

  // [observer]
  const baton::mysql::leader_observer observer{**client, *name, 500ms, [&](const std::optional<baton::mysql::leader>& leader) {
                                                 say(label + " sees " + (leader ? leader->label + " lead" : "nobody lead"));
                                               }};
  // [observer]
  std::this_thread::sleep_for(how_long);
  return 0;  // resigns: the next one leads at once
}
