#include "instance.hpp"

#include <algorithm>
#include <cstdio>

#include "baton/lock/name.hpp"

namespace baton::simulation {

using namespace std::chrono_literals;

void world::say(const std::string& text) const {
  if (trace) std::fprintf(stderr, "%12s %s\n", to_text(loop.now()).c_str(), text.c_str());
}

instance::instance(world& w, std::string label, std::vector<std::size_t> jobs, std::uint32_t slots)
    : world_(w), label_(std::move(label)), jobs_(std::move(jobs)), slots_(slots) {
  boot_offset_ = world_.random.between(1s, 1000h);
  wall_offset_ = world_.random.between(-4s, 4s);
}

instance::~instance() {
  for (const auto& l : links_) l->let_go();
}

void instance::start() {
  ++life_;
  incarnation_ = std::to_string(++world_.starts);
  incarnation_.insert(0, lock::incarnation_length - incarnation_.size(), '0');
  world_.say(label_ + " starts as " + incarnation_);
  engine::options options{cluster, incarnation_, label_, "sim", 1, world_.timing, world_.takeover, slots_, 10s};
  std::vector<engine::job> jobs;
  for (const auto j : jobs_) jobs.push_back(world_.jobs[j].job);
  engine_ = std::make_unique<engine::scheduler>(std::move(options), std::move(jobs));
  stopping_ = false;
  armed_.reset();
  advances_in_a_row_ = 0;
  perform(engine_->advance(local()));
  arm();
}

void instance::crash(bool host_too) {
  if (!is_alive()) return;
  world_.say(label_ + (host_too ? "'s host crashes" : " crashes"));
  engine_.reset();
  ++life_;
  inbox_.clear();
  paused_ = false;
  sessions_.clear();
  for (const auto& l : links_) {
    if (host_too) {
      l->black = l->client_closed = true;
    } else if (!l->client_closed) {
      close(l);
    }
  }
  // A runner sees the end of its instance, and has S to bring its handler to an end.
  for (const auto& [id, r] : runs_)
    die(r, host_too ? 0us : world_.random.between(0us, world_.timing.stop - 1us), ledger::run_outcome::crashed);
  runs_.clear();
}

void instance::upgrade() {
  crash(false);
  jobs_.clear();
  for (std::size_t j = 0; j < world_.jobs.size(); ++j) jobs_.push_back(j);
}

void instance::stop() {
  if (!is_alive()) return;
  world_.say(label_ + " is told to stop");
  stopping_ = true;
  post([] { return engine::stop_requested{}; });
}

void instance::pause() {
  if (!is_alive()) return;
  world_.say(label_ + " is stopped (SIGSTOP)");
  paused_ = true;
}

void instance::resume() {
  if (!paused_) return;
  world_.say(label_ + " goes on (SIGCONT)");
  paused_ = false;
  armed_.reset();
  // A timer may come before what has piled up, or after it.
  const auto life = life_;
  if (is_alive() && world_.random.one_in(2)) perform(engine_->advance(local()));
  auto waiting = std::exchange(inbox_, {});
  for (auto& what : waiting) {
    if (life == life_ && is_alive()) take(what());
  }
  if (is_alive()) arm();
}

void instance::cut(bool to_server, bool from_server) {
  world_.say(label_ + " is cut off" + (to_server ? " towards the server" : "") + (from_server ? " from the server" : ""));
  cut_up_ = cut_up_ || to_server;
  cut_down_ = cut_down_ || from_server;
}

void instance::heal() {
  if (!cut_up_ && !cut_down_) return;
  world_.say(label_ + "'s network heals");
  cut_up_ = cut_down_ = false;
  world_.loop.after(latency(), [this] { flush(); });
}

void instance::kill_sessions(bool lock_sessions, bool ledger_sessions) {
  for (const auto& l : links_) {
    if (l->server_id == 0 || l->server_closed || !(l->is_lock ? lock_sessions : ledger_sessions)) continue;
    world_.say(label_ + ": KILL " + std::to_string(l->server_id) + (l->is_lock ? " (lock)" : " (ledger)"));
    world_.store.kill(l->server_id);
  }
  server_has_ended_sessions();
}

void instance::lose_a_link() {
  for (const auto& l : links_) {
    if (l->black || l->client_closed || !l->is_lock) continue;
    world_.say(label_ + ": a link goes black");
    l->black = true;
    return;
  }
}

void instance::server_has_ended_sessions() {
  const auto links = links_;
  for (const auto& l : links) {
    if (l->server_id != 0 && !world_.store.is_open(l->server_id)) server_ends(l);
  }
}

// ---- clocks and the event queue of the process

time_point instance::local() const {
  const auto now = world_.loop.now();
  return {world_.store_epoch + now + wall_offset_, boot_time{boot_offset_ + now}};
}

void instance::post(std::function<engine::event()> what) {
  if (!is_alive()) return;
  if (paused_) {
    inbox_.push_back(std::move(what));
  } else {
    take(what());
  }
}

void instance::take(engine::event e) {
  advances_in_a_row_ = 0;
  perform(engine_->on(std::move(e), local()));
  arm();
}

void instance::perform(std::vector<engine::action> actions) {
  for (const auto& a : actions) std::visit([this](const auto& todo) { perform(todo); }, a);
}

void instance::arm() {
  if (!is_alive() || paused_) return;
  const auto wake = engine_->next_wakeup();
  if (!wake) return;
  const auto at = std::max(wake->time_since_epoch() - boot_offset_, world_.loop.now());
  if (armed_ && *armed_ <= at) return;
  armed_ = at;
  world_.loop.at(at + world_.random.between(0us, 1ms), [this, at, life = life_] {
    if (life != life_ || !is_alive() || paused_ || armed_ != at) return;
    armed_.reset();
    if (++advances_in_a_row_ > 1000 && world_.loop.now() - last_advance_ < 10ms) {
      world_.check.broken("G7", label_ + " loops without getting anywhere", world_.loop.now());
      return;
    }
    last_advance_ = world_.loop.now();
    perform(engine_->advance(local()));
    arm();
  });
}

// ---- the network: each direction of a link keeps its order; what a cut holds back arrives when it heals

microseconds instance::latency() {
  auto& random = world_.random;
  return random.one_in(50) ? random.between(1ms, world_.timing.stop / 4) : random.between(50us, 2ms);
}

void instance::up(const link_ptr& l, std::function<void()> what) {
  l->last_up = std::max(world_.loop.now() + latency(), l->last_up + 1us);
  world_.loop.at(l->last_up, [this, l, what = std::move(what)]() mutable {
    if (l->black) return;
    if (cut_up_ || !l->held_up.empty()) return l->held_up.push_back(std::move(what));
    what();
  });
}

void instance::down(const link_ptr& l, std::function<void()> what) {
  l->last_down = std::max(world_.loop.now() + latency(), l->last_down + 1us);
  world_.loop.at(l->last_down, [this, l, what = std::move(what)]() mutable {
    if (l->black) return;
    if (cut_down_ || !l->held_down.empty()) return l->held_down.push_back(std::move(what));
    what();
  });
}

void instance::flush() {
  const auto links = links_;
  for (const auto& l : links) {
    if (!cut_up_) {
      for (auto& what : std::exchange(l->held_up, {})) what();
    }
    if (!cut_down_) {
      for (auto& what : std::exchange(l->held_down, {})) what();
    }
  }
}

void instance::touch(const link_ptr& l) {
  l->last_byte = world_.loop.now();
  if (!std::exchange(l->watched, true)) watch(l);
}

void instance::watch(const link_ptr& l) {
  world_.loop.at(l->last_byte + world_.timing.wait_timeout, [this, l] {
    if (l->server_closed) return;
    if (world_.store.is_open(l->server_id)) return watch(l);
    world_.say(label_ + ": the server ends silent session " + std::to_string(l->server_id));
    server_ends(l);
  });
}

void instance::server_ends(const link_ptr& l) {
  if (std::exchange(l->server_closed, true)) return;
  down(l, [this, l] {
    if (l->client_closed) return;
    if (l->call != 0) return l->fail_call({errc::store_unavailable, "connection reset"});
    post([id = l->id] { return engine::session_ended{id}; });
  });
  std::erase_if(links_, [](const auto& other) {
    const bool is_over = (other->client_closed || other->black) && other->server_closed;
    if (is_over) other->let_go();
    return is_over;
  });
}

void instance::close(const link_ptr& l) {
  l->client_closed = true;
  up(l, [this, l] {
    if (l->server_id != 0) world_.store.disconnect(l->server_id);
    server_ends(l);
  });
}

// ---- calls

instance::fault instance::draw_fault() {
  if (!world_.calls_fail || !world_.random.one_in(60)) return fault::none;
  const auto which = static_cast<fault>(1 + world_.random.below(7));
  return which == fault::black && !world_.random.one_in(4) ? fault::slow_after : which;
}

template <typename Reply, typename Serve, typename Make>
void instance::call(const link_ptr& l, errc live_error, bool error_may_come_after, Serve serve, Make make) {
  const auto id = next_call_++;
  const auto sent = local().steady;
  // Kept in the link, and in messages that keep the link: it does not keep it itself.
  const auto finish = [this, me = l.get(), id, sent, make](result<Reply> reply) {
    if (me->client_closed || me->call != id) return;
    me->call = 0;
    post([this, sent, make, reply = std::move(reply)]() -> engine::event {
      return make(engine::span_of_call{sent, local().steady}, reply);
    });
  };
  l->call = id;
  l->fail_call = [finish](failure why) { finish(std::move(why)); };
  auto trouble = draw_fault();
  if (trouble == fault::error_after && !error_may_come_after) trouble = fault::error_before;
  if (trouble == fault::black) l->black = true;
  const auto stall =
      trouble == fault::slow_before || trouble == fault::slow_after ? world_.random.between(1ms, world_.timing.probe_timeout * 3 / 2) : 0us;
  const auto arrive = [this, l, finish, serve, trouble, stall, live_error] {
    if (!world_.store.is_open(l->server_id)) return server_ends(l);
    touch(l);
    if (trouble == fault::error_before) return down(l, [finish, live_error] { finish(failure{live_error, "simulated"}); });
    if (trouble == fault::reset_before) {
      world_.store.kill(l->server_id);
      return server_ends(l);
    }
    serve(l, [this, l, finish, trouble, stall, live_error](result<Reply> reply) {
      const auto answer = [this, l, finish, trouble, live_error, reply = std::move(reply)] {
        if (trouble == fault::reset_after) world_.store.kill(l->server_id);
        if (!world_.store.is_open(l->server_id)) return server_ends(l);
        down(l, [finish, trouble, live_error, reply] {
          if (trouble == fault::error_after) {
            finish(failure{live_error, "simulated"});
          } else {
            finish(reply);
          }
        });
      };
      if (trouble == fault::slow_after) {
        world_.loop.after(stall, answer);
      } else {
        answer();
      }
    });
  };
  up(l, [this, arrive, trouble, stall] {
    if (trouble == fault::slow_before) {
      world_.loop.after(stall, arrive);
    } else {
      arrive();
    }
  });
}

void instance::perform(const engine::open_lock_session& a) {
  const auto l = std::make_shared<link>();
  l->id = a.id;
  l->is_lock = true;
  links_.push_back(l);
  sessions_[a.id] = l;
  const auto id = next_call_++;
  l->call = id;
  l->fail_call = [this, me = l.get()](failure why) {
    me->call = 0;
    close(me->shared_from_this());
    post([session = me->id, why] { return engine::session_failed{session, why}; });
  };
  world_.loop.after(2s, [l, id] {
    if (!l->client_closed && l->call == id) l->fail_call({errc::store_timeout, "connecting took too long"});
  });
  up(l, [this, l, id] {
    if (l->client_closed) return;
    if (world_.store_is_down) return server_ends(l);
    l->server_id = world_.store.connect(world_.timing.wait_timeout);
    touch(l);
    down(l, [this, l, id, identity = world_.store.identity()] {
      if (l->client_closed || l->call != id) return;
      l->call = 0;
      post([l, identity] { return engine::lock_session_opened{l->id, l->server_id, identity}; });
    });
  });
}

void instance::perform(const engine::open_ledger_session& a) {
  const auto l = std::make_shared<link>();
  l->id = a.id;
  links_.push_back(l);
  sessions_[a.id] = l;
  const auto id = next_call_++;
  l->call = id;
  l->fail_call = [this, me = l.get()](failure why) {
    me->call = 0;
    close(me->shared_from_this());
    post([session = me->id, why] { return engine::session_failed{session, why}; });
  };
  world_.loop.after(2s, [l, id] {
    if (!l->client_closed && l->call == id) l->fail_call({errc::store_timeout, "connecting took too long"});
  });
  up(l, [this, l, id, name = lock::incarnation_name(cluster, incarnation_)] {
    if (l->client_closed) return;
    if (world_.store_is_down) return server_ends(l);
    l->server_id = world_.store.connect(world_.timing.wait_timeout);
    touch(l);
    const std::vector<std::string> names{name};
    const bool held = world_.store.get_locks(l->server_id, names)->front() == lock::try_outcome::acquired;
    const auto reply = world_.store.register_jobs(l->server_id, cluster, registrations());
    down(l, [this, l, id, held, jobs = *reply] {
      if (l->client_closed || l->call != id) return;
      if (!held) return l->fail_call({errc::store_busy, "another session holds the incarnation"});
      l->call = 0;
      post([l, jobs] { return engine::ledger_session_opened{l->id, l->server_id, jobs}; });
    });
  });
}

void instance::perform(const engine::close_session& a) {
  const auto it = sessions_.find(a.id);
  if (it == sessions_.end())
    return world_.check.broken("simulation", label_ + " closes a session that it does not have", world_.loop.now());
  const auto l = it->second;
  sessions_.erase(it);
  if (!l->client_closed) close(l);
}

template <typename Reply, typename A, typename Statement, typename Make>
void instance::lock_call(const A& a, Statement statement, Make make) {
  const auto& l = sessions_.at(a.id);
  if (l->call != 0) world_.check.broken("engine", label_ + " has two calls at a time on one session", world_.loop.now());
  call<Reply>(
      l, errc::interrupted, true,
      [statement, names = a.names](const link_ptr& at, const std::function<void(result<Reply>)>& answer) {
        answer(statement(at->server_id, names));
      },
      [id = a.id, make](engine::span_of_call when, result<Reply> reply) { return make(id, when, std::move(reply)); });
}

void instance::perform(const engine::acquire& a) {
  // What is in this process's hands is never asked for again: the server would grant it.
  for (const auto& [id, l] : sessions_) {
    if (!l->is_lock || l->server_id == 0 || l->server_closed) continue;
    for (const auto& name : a.names) {
      if (id == a.id && world_.store.owner_of(name) == l->server_id)
        world_.check.broken("G2", label_ + " asks again for " + name + ", which it holds", world_.loop.now());
    }
  }
  lock_call<std::vector<lock::try_outcome>>(
      a, [this](auto c, const auto& names) { return world_.store.get_locks(c, names); },
      [](auto id, auto when, auto reply) {
        return engine::acquired{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::ask_owned& a) {
  lock_call<std::vector<bool>>(
      a, [this](auto c, const auto& names) { return world_.store.owned(c, names); },
      [](auto id, auto when, auto reply) {
        return engine::owned_known{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::probe& a) {
  lock_call<lock::probe_reply>(
      a, [this](auto c, const auto& names) { return world_.store.probe(c, names); },
      [](auto id, auto when, auto reply) {
        return engine::probed{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::release& a) {
  lock_call<std::vector<lock::release_outcome>>(
      a, [this](auto c, const auto& names) { return world_.store.release_locks(c, names); },
      [](auto id, auto when, auto reply) {
        return engine::released{id, when, std::move(reply)};
      });
}

/// Statement by statement, with whatever comes in between.
void instance::serve_claim(const link_ptr& l, std::shared_ptr<testing::memory_store::claim_transaction> transaction,
                           std::function<void(result<ledger::claim_reply>)> answer) {
  using step = testing::memory_store::claim_transaction::step;
  transaction->advance();
  if (transaction->next() == step::done) return answer(transaction->reply());
  auto& random = world_.random;
  const auto pause =
      world_.calls_fail && random.one_in(40) ? random.between(1ms, world_.timing.wait_timeout / 2) : random.between(20us, 2ms);
  world_.loop.after(pause, [this, l, transaction, answer = std::move(answer)]() mutable {
    l->last_byte = world_.loop.now();
    serve_claim(l, std::move(transaction), std::move(answer));
  });
}

void instance::perform(const engine::claim& a) {
  for (const auto& name : a.request.names) world_.say(label_ + " claims " + name.lock_name);
  call<ledger::claim_reply>(
      sessions_.at(a.id), errc::store_busy, false,
      [this, request = a.request](const link_ptr& l, std::function<void(result<ledger::claim_reply>)> answer) {
        serve_claim(l, std::make_shared<testing::memory_store::claim_transaction>(world_.store, l->server_id, request), std::move(answer));
      },
      [id = a.id](engine::span_of_call when, result<ledger::claim_reply> reply) {
        return engine::claimed{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::finish& a) {
  using reply_type = std::vector<ledger::finish_outcome>;
  call<reply_type>(
      sessions_.at(a.id), world_.random.one_in(2) ? errc::store_busy : errc::store_query, false,
      [this, records = a.records](const link_ptr& l, const std::function<void(result<reply_type>)>& answer) {
        answer(world_.store.finish(l->server_id, cluster, records));
      },
      [id = a.id](engine::span_of_call when, result<reply_type> reply) {
        return engine::finished{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::reconcile& a) {
  call<ledger::reconcile_reply>(
      sessions_.at(a.id), errc::store_busy, false,
      [this, request = a.request](const link_ptr& l, const std::function<void(result<ledger::reconcile_reply>)>& answer) {
        answer(world_.store.reconcile(l->server_id, request));
      },
      [id = a.id](engine::span_of_call when, result<ledger::reconcile_reply> reply) {
        return engine::reconciled{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::register_jobs& a) {
  using reply_type = std::vector<ledger::registered_job>;
  call<reply_type>(
      sessions_.at(a.id), errc::store_busy, false,
      [this](const link_ptr& l, const std::function<void(result<reply_type>)>& answer) {
        answer(world_.store.register_jobs(l->server_id, cluster, registrations()));
      },
      [id = a.id](engine::span_of_call when, result<reply_type> reply) {
        return engine::jobs_registered{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::sign_off& a) {
  call<int>(
      sessions_.at(a.id), errc::store_busy, false,
      [this, incarnation = incarnation_](const link_ptr& l, const std::function<void(result<int>)>& answer) {
        static_cast<void>(world_.store.sign_off(l->server_id, cluster, incarnation));
        answer(0);
      },
      [id = a.id](engine::span_of_call, const result<int>&) { return engine::signed_off{id}; });
}

std::vector<ledger::job_registration> instance::registrations() const {
  std::vector<ledger::job_registration> all;
  for (const auto j : jobs_) all.push_back({world_.jobs[j].job.name, world_.jobs[j].job.lock_name, world_.jobs[j].job.schedule_hash});
  return all;
}

// ---- runners

void instance::perform(const engine::start_run& a) {
  auto r = std::make_shared<run>();
  r->id = a.id;
  r->job = jobs_[a.job];
  r->claimed = a.run;
  r->deadline = a.lease_deadline;
  r->who = incarnation_.substr(lock::incarnation_length - 6) + "/" + std::to_string(static_cast<std::uint64_t>(a.id));
  r->life = life_;
  runs_[a.id] = r;
  const auto spawning =
      world_.random.one_in(100) ? world_.random.between(0us, world_.timing.wait_timeout) : world_.random.between(0us, 10ms);
  world_.loop.after(spawning, [this, r] { begin(r); });
}

void instance::begin(const run_ptr& r) {
  if (r->ended) return;
  if (r->stopped || local().steady >= r->deadline) {  // looked at once more just before the handler starts
    r->executing = false;
    return die(r, 0us, r->stopped ? ledger::run_outcome::cancelled : ledger::run_outcome::lock_lost);
  }
  r->executing = true;
  world_.say(r->who + " of " + label_ + " runs " + r->claimed.key.job + " " + to_rfc3339(r->claimed.key.tick) + " #" +
             std::to_string(r->claimed.attempt));
  world_.check.run_begins(r->who, r->claimed, world_.loop.now(), world_.store_time.now().wall);
  post([id = r->id] { return engine::run_started{id}; });
  watch_deadline(r);
  const auto& plan = world_.jobs[r->job];
  const auto chance_of_outcome = world_.random.below(100);
  const auto outcome = chance_of_outcome < 90   ? ledger::run_outcome::success
                       : chance_of_outcome < 95 ? ledger::run_outcome::failure
                                                : ledger::run_outcome::crashed;
  die(r, world_.random.between(plan.shortest_run, plan.longest_run), outcome);
}

void instance::watch_deadline(const run_ptr& r) {
  world_.loop.at(r->deadline.time_since_epoch() - boot_offset_, [this, r] {
    if (r->ended) return;
    if (local().steady < r->deadline) return watch_deadline(r);
    world_.say(r->who + " reaches its deadline");
    die(r, world_.random.between(0us, world_.timing.stop - 1us), ledger::run_outcome::lock_lost);
  });
}

/// The first death counts.
void instance::die(const run_ptr& r, microseconds in, ledger::run_outcome outcome) {
  const auto death = [this, r, outcome] {
    if (std::exchange(r->ended, true)) return;
    if (r->executing) world_.check.run_is_over(r->claimed.lock_name, r->who, world_.loop.now());
    world_.say(r->who + " is over: " + std::string{to_string(outcome)});
    if (r->life != life_) return;
    runs_.erase(r->id);
    post([id = r->id, outcome] { return engine::run_ended{id, outcome, {}, "", "", {}}; });
  };
  if (in <= 0us) {
    death();
  } else {
    world_.loop.after(in, death);
  }
}

void instance::perform(const engine::extend_run& a) {
  const auto it = runs_.find(a.id);
  if (it != runs_.end()) it->second->deadline = a.lease_deadline;
}

void instance::perform(const engine::stop_run& a) {
  const auto it = runs_.find(a.id);
  if (it == runs_.end()) return;
  const auto r = it->second;
  r->stopped = true;
  if (world_.random.one_in(3)) die(r, world_.random.between(0us, 10ms), ledger::run_outcome::cancelled);  // it heeds the token
  die(r, a.kill_after + world_.random.between(0us, world_.timing.stop / 5), ledger::run_outcome::cancelled);
}

void instance::perform(const engine::exit_now& /*unused*/) {
  world_.say(label_ + " exits");
  if (!runs_.empty()) world_.check.broken("G11", label_ + " exits with " + std::to_string(runs_.size()) + " runs", world_.loop.now());
  if (!sessions_.empty()) world_.check.broken("G11", label_ + " exits with open sessions", world_.loop.now());
  ++life_;
  world_.loop.after(0us, [this, life = life_] {
    if (life == life_) engine_.reset();
  });
}

void instance::perform(const engine::note& n) {
  if (std::holds_alternative<engine::finish_refused>(n)) ++finishes_refused_;
  if (!world_.trace) return;
  if (const auto* lost = std::get_if<engine::lock_was_lost>(&n))
    world_.say(label_ + " lost a lock: " + std::string{lock::to_string(lost->reason)});
  if (const auto* trouble = std::get_if<engine::session_trouble>(&n)) world_.say(label_ + ": " + trouble->why.context);
  if (const auto* decided = std::get_if<engine::tick_decided>(&n))
    world_.say(label_ + " decides " + decided->what.key.job + " " + to_rfc3339(decided->what.key.tick) + ": " +
               std::string{to_string(decided->what.state)} + " " + std::string{to_string(decided->what.outcome)} + " " +
               std::string{to_string(decided->what.reason)});
  if (const auto* waits = std::get_if<engine::owner_unresolved>(&n))
    world_.say(label_ + " waits " + to_text(waits->wait) + " for an owner that is " + (waits->owner_seen_free ? "gone" : "alive"));
}

}  // namespace baton::simulation
