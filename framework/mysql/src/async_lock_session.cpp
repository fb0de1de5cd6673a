#include "async_lock_session.hpp"

#include <boost/asio/post.hpp>

namespace baton::mysql {

using lock::wait_outcome;

/// A wait, from its statement to the certainty of who holds the name.
struct async_lock_session::pending_wait {
  std::string name;
  lock::time_limit left;
  lock::reentry again{};
  std::function<void(result<lock::wait_reply>)> done;
  wait_statement asked;
  boot_time began{};
  boot_time statement_began{};
  bool is_sent = false;
  bool is_cancelled = false;
  bool is_being_killed = false;        ///< a KILL QUERY is on its way, and would hit whatever follows the wait
  std::optional<answer> early_answer;  ///< which came before the KILL QUERY was through
  std::unique_ptr<boost::asio::steady_timer> kill_limit = nullptr;
};

namespace {
constexpr milliseconds cancel_limit{150};
}

std::shared_ptr<async_lock_session> async_lock_session::start(opened with, probing how, surroundings around) {
  auto link = std::move(with.link);
  const auto id = link->id();
  auto& io = around.io;
  auto made = std::make_shared<async_lock_session>(std::move(with), how, std::move(around));
  made->id_ = id;
  const auto watching = how == probing::regular ? async_connection::watching::always : async_connection::watching::during_statements;
  made->link_ = async_connection::start(io, std::move(link), watching, [weak = made->weak_from_this()](const failure& why) {
    if (auto self = weak.lock()) self->condemn(lock::loss::connection, why);
  });
  if (how == probing::regular) made->arm_probe();
  return made;
}

async_lock_session::async_lock_session(opened&& with, probing how, surroundings around)
    : around_(std::move(around)),
      facts_(std::move(with.facts)),
      probing_(how),
      book_(around_.timing, facts_.identity, with.sent),
      probe_timer_(around_.io) {}

void async_lock_session::ask(std::string sql, std::function<void(answer)> done) {
  link_->ask({std::move(sql), around_.timing.probe_timeout, std::move(done)});
}

void async_lock_session::try_acquire(const std::string& name, std::function<void(result<lock::try_outcome>)> done) {
  const std::vector<std::string> names{name};
  ask(try_acquire_sql(names), [self = shared_from_this(), names, done = std::move(done)](answer a) {
    auto outcomes = a ? read_try_acquire(std::move(*a), names) : result<std::vector<lock::try_outcome>>{std::move(a).error()};
    if (!outcomes) {
      // What interrupted the statement may have come after the grant.
      const auto why = std::move(outcomes).error();
      if (why.code == errc::invalid_key) return done(why);
      return self->release_certainly(names.front(), true, [done, why](const auto&) { done(why); });
    }
    if (outcomes->front() == lock::try_outcome::acquired) self->book_.granted(names.front());
    done(outcomes->front());
  });
}

void async_lock_session::release(const std::string& name, std::function<void(result<lock::release_outcome>)> done) {
  const auto counted = counts_.find(name);
  const bool is_last = counted == counts_.end() || counted->second == 1;
  // Of a name that is held several times, a second attempt might give back one too many.
  release_certainly(name, is_last, [self = shared_from_this(), name, done = std::move(done)](result<lock::release_outcome> outcome) {
    const auto counts = self->counts_.find(name);
    if (counts != self->counts_.end() && --counts->second > 0) return done(std::move(outcome));
    if (counts != self->counts_.end()) self->counts_.erase(counts);
    self->book_.given_back(name);
    done(std::move(outcome));
  });
}

/// RELEASE_LOCK(name). Without an answer nobody knows whether the name is held, and it must not be: then the session ends.
void async_lock_session::release_certainly(const std::string& name, bool may_repeat,
                                           std::function<void(result<lock::release_outcome>)> done) {
  const std::vector<std::string> names{name};
  ask(release_sql(names), [self = shared_from_this(), names, may_repeat, done = std::move(done)](answer a) {
    auto outcomes = a ? read_release(std::move(*a), names) : result<std::vector<lock::release_outcome>>{std::move(a).error()};
    if (outcomes) return done(outcomes->front());
    if (self->has_ended()) return done(std::move(outcomes).error());
    if (may_repeat && outcomes.error().code == errc::interrupted) return self->release_certainly(names.front(), false, done);
    const failure why{errc::store_unavailable, "nobody knows whether " + names.front() + " is held: " + outcomes.error().context};
    self->link_->hang_up(why.context);
    done(why);
  });
}

// ---- probes

void async_lock_session::arm_probe() {
  const auto due_in = book_.probe_at() - link_->link().now();
  probe_timer_.expires_after(std::max<microseconds>(due_in, microseconds{0}));
  probe_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->has_ended()) return;
    // A session in a wait cannot be asked; the end of the wait leads back here.
    if (!self->is_waiting()) self->prove(nullptr);
  });
}

void async_lock_session::prove(std::function<void(status)> done) {
  std::vector<std::string> names{book_.names().begin(), book_.names().end()};
  const auto sent = std::make_shared<boot_time>();
  auto sql = probe_sql(names, facts_);
  link_->ask_first({std::move(sql), around_.timing.probe_timeout,
                    [self = shared_from_this(), names = std::move(names), sent, done = std::move(done)](answer a) {
                      self->probed(*sent, std::move(a), names, done);
                    },
                    [sent](boot_time t) { *sent = t; }});
}

void async_lock_session::probed(boot_time sent, answer a, const std::vector<std::string>& names, const std::function<void(status)>& done) {
  if (!a) {
    const auto why = std::move(a).error();
    condemn(lock::loss::connection, why);  // no answer is no proof, whatever kept it away
    if (done) done(why);
    return;
  }
  auto answered = read_probe(std::move(*a), names, facts_);
  if (!answered) {
    condemn(lock::loss::connection, answered.error());
    if (done) done(std::move(answered).error());
    return;
  }
  if (answered->all_held) return apply_probe(sent, answered->reply, done);
  link_->ask_first({owned_sql(names), around_.timing.probe_timeout,
                    [self = shared_from_this(), sent, names, reply = std::move(answered->reply), done](answer held) mutable {
                      if (!held) return self->probed(sent, std::move(held), names, done);
                      auto owned = read_owned(std::move(*held), names);
                      for (std::size_t i = 0; owned && i < names.size(); ++i) {
                        if (!(*owned)[i]) reply.lost.push_back(names[i]);
                      }
                      self->apply_probe(sent, reply, done);
                    }});
}

void async_lock_session::apply_probe(boot_time sent, const lock::probe_reply& reply, const std::function<void(status)>& done) {
  const auto lost = book_.probed(sent, reply);
  if (!lost.empty()) around_.on_lost(lost);
  if (book_.is_condemned()) {
    const failure why{errc::store_unfit,
                      "the server may not be used any more: " + std::string{to_string(!reply.writable ? lock::loss::not_primary
                                                                                      : !reply.quorum ? lock::loss::no_quorum
                                                                                                      : lock::loss::server_changed)}};
    condemn(lock::loss::connection, why);
    if (done) done(why);
    return;
  }
  around_.on_proven(book_.deadline());
  if (probing_ == probing::regular) arm_probe();
  if (done) done({});
}

/// Tells what is lost, once, and ends the connection: a condemned session is never used again.
void async_lock_session::condemn(lock::loss reason, const failure& why) {
  const auto self = shared_from_this();
  const auto lost = book_.condemn(reason);
  counts_.clear();
  probe_timer_.cancel();
  if (!lost.empty()) around_.on_lost(lost);
  if (const auto told = std::exchange(around_.on_end, nullptr)) told(why);
  if (!link_->has_ended()) link_->hang_up(why.context);
}

void async_lock_session::close() {
  around_.on_end = nullptr;
  around_.on_lost = [](const auto&) {};
  around_.on_proven = [](auto) {};
  waiting_ = nullptr;
  probe_timer_.cancel();
  link_->close();
}

// ---- waits

void async_lock_session::wait(const std::string& name, lock::time_limit limit, lock::reentry again,
                              std::function<void(result<lock::wait_reply>)> done) {
  BATON_ASSERT(waiting_ == nullptr);
  const auto w = std::make_shared<pending_wait>();
  w->name = name;
  w->left = limit;
  w->again = again;
  w->done = std::move(done);
  w->began = link_->link().now();
  waiting_ = w;
  start_wait_statement(w);
}

void async_lock_session::start_wait_statement(const std::shared_ptr<pending_wait>& w) {
  w->asked = acquire_sql(w->name, w->left, w->again, facts_.kind);
  link_->ask({w->asked.sql, w->asked.answer_after + around_.timing.probe_timeout,
              [self = shared_from_this(), w](answer a) { self->wait_answered(w, std::move(a)); },
              [self = shared_from_this(), w](boot_time t) {
                w->is_sent = true;
                w->statement_began = t;
                if (w->is_cancelled) boost::asio::post(self->around_.io, [self, w] { self->end_wait_statement(w); });
              }});
}

void async_lock_session::cancel_wait() {
  const auto w = waiting_;
  if (w == nullptr || std::exchange(w->is_cancelled, true)) return;
  if (w->is_sent) end_wait_statement(w);
}

void async_lock_session::end_wait_statement(const std::shared_ptr<pending_wait>& w) {
  if (waiting_ != w || !w->is_sent) return;
  const auto give_up = [self = shared_from_this(), w] {
    if (self->waiting_ != w) return;
    w->is_being_killed = false;
    self->link_->hang_up("a cancelled wait was not ended by KILL QUERY within " + to_text(cancel_limit));
    if (w->early_answer) self->wait_answered(w, *std::exchange(w->early_answer, std::nullopt));
  };
  w->is_being_killed = true;
  w->kill_limit = std::make_unique<boost::asio::steady_timer>(around_.io, cancel_limit);
  w->kill_limit->async_wait([give_up](const boost::system::error_code& error) {
    if (!error) give_up();
  });
  around_.kill_query(id_, [self = shared_from_this(), w, give_up](const status& killed) {
    if (self->waiting_ != w || !w->is_being_killed) return;
    if (!killed) return give_up();
    w->is_being_killed = false;
    if (w->early_answer) self->wait_answered(w, *std::exchange(w->early_answer, std::nullopt));
  });
}

void async_lock_session::wait_answered(const std::shared_ptr<pending_wait>& w, answer a) {
  if (waiting_ != w) return;
  w->is_sent = false;
  if (w->is_being_killed && !link_->has_ended()) {
    w->early_answer.emplace(std::move(a));
    return;
  }
  w->kill_limit.reset();
  auto verdict = judge_wait(std::move(a), w->asked, link_->has_ended() ? 0 : link_->last_error(), w->name, w->is_cancelled);
  if (!verdict.outcome && verdict.outcome.error().code == errc::store_unavailable && w->is_cancelled)
    verdict.outcome = failure{errc::cancelled, "the wait for " + w->name + " was cancelled, and its session ended"};
  if (verdict.is_granted && counts_.contains(w->name)) return finish_wait(w, wait_outcome::acquired);  // once more: it came too late
  if (verdict.ask_owner && !counts_.contains(w->name)) return settle(w, std::move(verdict.outcome), verdict.keep_if_held, 3);
  const bool wait_on = verdict.outcome && *verdict.outcome == wait_outcome::busy && !w->asked.is_whole;
  if (!wait_on) return finish_wait(w, std::move(verdict.outcome));
  if (!w->left.is_infinite()) w->left = lock::time_limit{w->left.value() - (link_->link().now() - w->statement_began)};
  start_wait_statement(w);
}

/// After an error on a live connection: whether the grant came before what ended the wait.
void async_lock_session::settle(const std::shared_ptr<pending_wait>& w, result<wait_outcome> outcome, bool keep_if_held, int tries_left) {
  const std::vector<std::string> names{w->name};
  // The KILL QUERY that came too late for the wait may hit what follows it.
  const auto failed = [self = shared_from_this(), w, outcome, keep_if_held, tries_left](const failure& why) {
    if (why.code == errc::interrupted && tries_left > 1) return self->settle(w, outcome, keep_if_held, tries_left - 1);
    if (!self->link_->has_ended()) self->link_->hang_up("nobody knows whether " + w->name + " is held: " + why.context);
    // The session is gone, and with it whatever it held.
    if (w->is_cancelled)
      return self->finish_wait(w, failure{errc::cancelled, "the wait for " + w->name + " was cancelled: " + why.context});
    self->finish_wait(w, why);
  };
  ask(owned_sql(names), [self = shared_from_this(), w, names, outcome, keep_if_held, failed](answer a) {
    if (self->waiting_ != w) return;
    if (!a) return failed(a.error());
    const auto held = read_owned(std::move(*a), names);
    if (!held) return failed(held.error());
    if (!held->front()) return self->finish_wait(w, outcome);
    if (keep_if_held) return self->finish_wait(w, wait_outcome::acquired);
    self->ask(release_sql(names), [self, w, outcome, failed](answer released) {
      if (self->waiting_ != w) return;
      if (!released) return failed(released.error());
      self->finish_wait(w, outcome);
    });
  });
}

void async_lock_session::finish_wait(const std::shared_ptr<pending_wait>& w, result<wait_outcome> outcome) {
  waiting_ = nullptr;
  if (outcome && *outcome == wait_outcome::acquired) {
    book_.granted(w->name);
    ++counts_[w->name];
  }
  const auto waited = link_->has_ended() ? microseconds{0} : link_->link().now() - w->began;
  if (probing_ == probing::regular && !has_ended()) {
    // Nothing was proven during the wait, and what is granted must not look lost for that.
    if (outcome && *outcome == wait_outcome::acquired && link_->link().now() >= book_.probe_at())
      return prove([w, waited](const status& proven) {
        w->done(proven ? result<lock::wait_reply>{lock::wait_reply{wait_outcome::acquired, waited}} : proven.error());
      });
    arm_probe();
  }
  if (!outcome) return w->done(std::move(outcome).error());
  w->done(lock::wait_reply{*outcome, waited});
}

}  // namespace baton::mysql
