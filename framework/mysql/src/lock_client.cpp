#include "baton/mysql/lock_client.hpp"

#include <future>

#include "client_sessions.hpp"
#include "inquiry.hpp"
#include "lock_client_core.hpp"
#include "open.hpp"
#include "session_keeper.hpp"

namespace baton::mysql {
bool is_portable(const std::string& name) {
  return std::ranges::none_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80; });
}

failure not_portable(const std::string& name) {
  return {errc::invalid_key, "lock key \"" + name + "\" is not the same lock on MySQL and MariaDB; take key_mode::portable or hashed"};
}

result<std::unique_ptr<lock_client>> lock_client::create(options where, lock_client_options how) {
  if (auto usable = store::create(where); !usable) return std::move(usable).error();
  const std::size_t least = how.fences ? 2 : 1;
  if (how.max_connections < least)
    return failure{errc::invalid_argument, "max_connections is " + std::to_string(how.max_connections) + " and must be at least " +
                                               std::to_string(least) + ": one for locks" + (how.fences ? ", one for fences" : "")};
  if (how.locks_per_connection == 0) return failure{errc::invalid_argument, "locks_per_connection is 0; 512 is the default"};
  return std::unique_ptr<lock_client>{new lock_client{lock_client_core::start(std::move(where), how)}};
}

lock_client::~lock_client() { core_->stop(); }

lock_client::ticket lock_client::async_acquire(const lock::key& name, lock::time_limit limit,
                                               std::function<void(lock::attempt<lease>)> done) {
  if (!is_portable(name.text())) {
    core_->post([done = core_->guarded(name.text(), std::move(done)), why = not_portable(name.text())] { done(why); });
    return 0;
  }
  return core_->acquire({name.text(), limit, std::nullopt, nullptr, std::move(done)});
}

void lock_client::cancel(ticket t) { core_->cancel(t); }

lock::attempt<lease> lock_client::acquire(const lock::key& name, lock::time_limit limit, std::stop_token stop) {
  if (core_->is_client_thread())
    return failure{errc::wrong_thread,
                   name.text() + ": acquire() would wait for its own thread; in a callback of the client, async_acquire()"};
  const auto answer = std::make_shared<std::promise<lock::attempt<lease>>>();
  auto answered = answer->get_future();
  const auto t = async_acquire(name, limit, [answer](lock::attempt<lease> got) { answer->set_value(std::move(got)); });
  const std::stop_callback cancelled{stop, [this, t] { cancel(t); }};
  return answered.get();
}

result<std::unique_ptr<lock::waiting_session>> lock_client::open_session() {
  if (!core_->budget().take()) return core_->budget().exceeded();
  auto made = mysql::open_session(core_->where(), core_->memory(), lock_role(core_->where()));
  if (!made) {
    core_->budget().give_back();
    return std::move(made).error().in("lock session");
  }
  const auto proven = made->sent;
  session_surroundings around{
      [core = core_](std::uint64_t id, microseconds limit) { return mysql::kill_query(core->where(), core->memory(), id, limit); },
      core_->where().on_warning,
      [core = core_](lock_session* session) {
        core->keeper().remove(session);
        core->budget().give_back();
      }};
  auto session = std::make_unique<lock_session>(std::move(made->link), std::move(made->facts), std::move(around));
  core_->keeper().add(*session, proven);
  return std::unique_ptr<lock::waiting_session>{std::move(session)};
}

void lock_client::async_open_session(std::function<void(result<std::shared_ptr<lock::async_session>>)> done) {
  core_->post([core = core_, done = core_->guarded("a session", std::move(done))] {
    if (!core->budget().take()) return done(core->budget().exceeded());
    core->open(lock_role(core->where()), [core, done](result<opened> made) {
      if (!made) {
        core->budget().give_back();
        return done(std::move(made).error());
      }
      done(std::shared_ptr<lock::async_session>{
          std::make_shared<client_session>(core, std::move(*made), async_lock_session::probing::regular)});
    });
  });
}

result<std::optional<lock::holder>> lock_client::find_holder(const lock::key& name) {
  return core_->inquire([&](connection& link, flavour kind) { return mysql::find_holder(link, kind, name.text()); });
}

result<bool> lock_client::is_free(const lock::key& name) {
  auto found = find_holder(name);
  if (!found) return std::move(found).error();
  return !found->has_value();
}

result<std::vector<std::string>> lock_client::held_names(std::string_view prefix) {
  auto all = core_->inquire([&](connection& link, flavour kind) { return mysql::held_names(link, kind, prefix); });
  if (all || all.error().code == errc::store_unavailable) return all;
  return core_->watch().names(prefix);
}

lock_client_report lock_client::report() const { return core_->report(); }

}  // namespace baton::mysql
