#include <algorithm>

#include "baton/lock/name.hpp"
#include "instance.hpp"

namespace baton::simulation {

using namespace std::chrono_literals;

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
  const auto slow = world_.slowness <= 0us ? 0us : world_.random.between(0us, l->is_lock ? world_.slowness / 4 : world_.slowness);
  up(l, [this, arrive, trouble, stall, slow] {
    if (trouble == fault::slow_before || slow > 0us) {
      world_.loop.after(trouble == fault::slow_before ? stall : slow, arrive);
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
      post([this, l, identity] {
        world_.check.met_server(incarnation_, world_.loop.now());
        return engine::lock_session_opened{l->id, l->server_id, identity};
      });
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
    me->call = 0;  // the client keeps the connection until the engine closes it: it may carry the incarnation
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
    // A commit may keep the session before it alive for as long as anybody waits.
    const bool is_free = !world_.store.owner_of(lock::incarnation_name(cluster, incarnation_));
    const bool held =
        (is_free || !world_.calls_fail || !world_.random.one_in(5)) && *world_.store.hold_incarnation(l->server_id, cluster, incarnation_);
    server_has_ended_sessions();
    const auto reply = world_.store.register_jobs(l->server_id, cluster, registrations());
    down(l, [this, l, id, held, identity = world_.store.identity(), jobs = *reply] {
      if (l->client_closed || l->call != id) return;
      if (!held) return l->fail_call({errc::store_busy, "another session holds the incarnation"});
      l->call = 0;
      post([this, l, identity, jobs] {
        world_.check.met_server(incarnation_, world_.loop.now());
        return engine::ledger_session_opened{l->id, l->server_id, identity, jobs};
      });
    });
  });
}

void instance::perform(const engine::close_session& a) {
  const auto it = sessions_.find(a.id);
  if (it == sessions_.end())
    return world_.check.broken("simulation", label_ + " closes a session that it does not have", world_.loop.now());
  const auto l = it->second;
  expect_no_run_lives_by(l);
  sessions_.erase(it);
  if (!l->client_closed) close(l);
}

/// The end of a session frees what it holds on the server: the names of runs, or the incarnation, by whose lock others tell that all of
/// this instance's runs are dead - but for those whose lock is still held.
void instance::expect_no_run_lives_by(const link_ptr& l) {
  const auto holds = [&](const std::string& name) { return l->server_id != 0 && world_.store.owner_of(name) == l->server_id; };
  const auto is_held_by_us = [&](const std::string& name) {
    const auto owner = world_.store.owner_of(name);
    return owner && std::ranges::any_of(sessions_, [&](const auto& s) { return s.second->is_lock && s.second->server_id == *owner; });
  };
  // Proven to be held after the incarnation's session was given up, and killed since: the end of its connection is on the way behind the
  // proof, and stops its runs within S; whoever finds the incarnation free waits for two of them.
  const bool is_about_to_hear = !cut_down_ && std::ranges::any_of(sessions_, [](const auto& s) {
    return s.second->is_lock && s.second->server_closed && !s.second->black;
  });
  const bool is_of_incarnation = holds(lock::incarnation_name(cluster, incarnation_));
  for (const auto& [id, r] : runs_) {
    const auto& name = r->claimed.lock_name;
    if (r->executing && (l->is_lock ? holds(name) : is_of_incarnation && !is_held_by_us(name) && !is_about_to_hear))
      world_.check.broken("closing", label_ + " closes a session by which " + r->who + " lives, of " + name, world_.loop.now());
  }
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
  world_.claim_sent[incarnation_] = world_.store_time.now().wall;
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

void instance::perform(const engine::request_cancel& a) {
  call<bool>(
      sessions_.at(a.id), errc::store_busy, false,
      [this, runs = a.runs](const link_ptr& l, const std::function<void(result<bool>)>& answer) {
        const auto done = world_.store.request_cancel(l->server_id, cluster, runs);
        answer(done ? result<bool>{true} : result<bool>{done.error()});
      },
      [id = a.id](engine::span_of_call when, result<bool> reply) {
        return engine::cancel_requested{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::restore& a) {
  call<std::uint64_t>(
      sessions_.at(a.id), errc::store_busy, false,
      [this, claims = a.claims](const link_ptr& l, const std::function<void(result<std::uint64_t>)>& answer) {
        answer(world_.store.restore(l->server_id, cluster, claims));
      },
      [id = a.id](engine::span_of_call when, result<std::uint64_t> reply) {
        return engine::restored{id, when, std::move(reply)};
      });
}
void instance::perform(const engine::purge& a) {
  call<std::uint64_t>(
      sessions_.at(a.id), errc::store_busy, false,
      [this, request = a.request](const link_ptr& l, const std::function<void(result<std::uint64_t>)>& answer) {
        answer(world_.store.purge(l->server_id, request));
      },
      [id = a.id](engine::span_of_call when, result<std::uint64_t> reply) {
        return engine::purged{id, when, std::move(reply)};
      });
}

std::vector<ledger::job_registration> instance::registrations() const {
  std::vector<ledger::job_registration> all;
  for (const auto j : jobs_) {
    const auto& job = world_.jobs[j].job;
    all.push_back({job.name, job.lock_name, job.schedule_hash});
    for (const auto tag : job.tags) all.back().tag_fences.push_back(world_.tags[tag].fence_name);
  }
  return all;
}

}  // namespace baton::simulation
