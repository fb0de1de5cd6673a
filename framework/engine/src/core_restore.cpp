#include <algorithm>
#include <iterator>
#include <set>

#include "core.hpp"

namespace baton::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t late_claims_at_once = 500;

void add_end(ledger::own_claim& claim, const claim_memory::end_of_run& end, const std::vector<ledger::follower>& followers) {
  claim.row.state = end.state;
  claim.row.outcome = end.outcome;
  claim.row.reason = end.reason;
  claim.row.started = end.started;
  claim.row.finished = end.finished;
  claim.row.retry_at = end.retry_at;
  if (end.state != ledger::row_state::finished) return;
  std::ranges::copy_if(followers, std::back_inserter(claim.followers), [&](const auto& f) { return f.follows(end.outcome); });
}

}  // namespace

/// A session was opened at this server. A restart ends all locks; another server may also lack what was committed last.
void scheduler::core::meet_server(const lock::server_identity& now_at) {
  const auto before = std::exchange(server_, now_at);
  if (!before || *before == now_at) return;
  tell(server_changed{});
  if (const auto last = clock_.now(now_.steady)) {
    catch_up_to_ = std::max(catch_up_to_.value_or(*last), *last);
  } else if (catch_up_to_) {  // nothing was heard of the last one's clock: others may have started what this time allowed there
    *catch_up_to_ += now_.steady - met_server_at_;
  }
  met_server_at_ = now_.steady;
  clock_.forget();
  reconciled_.reset();
  ledger_is_another_ = true;
  if (before->uuid != now_at.uuid) {
    // An instance that lives has found its way here, restored its claims, and lost the runs that lived by the last server's locks.
    quiet_until_ = now_.steady + options_.timing.wait_timeout;
    restoring_.emplace();
  }
  std::vector<session_id> elsewhere;
  for (const auto& [id, s] : sessions_) {
    if (s.is_lock_session && s.at == session_state::state::ready && s.identity != now_at) elsewhere.push_back(id);
  }
  for (const auto id : elsewhere) condemn(id, lock::loss::server_changed);
  if (const auto* s = ledger(); s != nullptr && s->identity != now_at) {
    ledger_failed({errc::store_unavailable, "the ledger session is at another server than the lock session"}, false);
    open_ledger_at_ = std::max(open_ledger_at_, now_.steady + seconds{1});
  }
}

/// Nor does anything start while the new server's clock shows a time that the last one's had reached.
void scheduler::core::catch_up_with_last_server() {
  if (!catch_up_to_) return;
  const auto reached = clock_.when(*catch_up_to_);
  if (reached && *reached <= now_.steady) catch_up_to_.reset();
}

bool scheduler::core::may_take_locks() const { return !restoring_ && !ledger_is_another_ && !catch_up_to_ && now_.steady >= quiet_until_; }

void scheduler::core::send_restore(session_state& s) {
  claims_of_late_.forget_old(now_.steady);
  std::set<ledger::tick_key> not_yet_written;  // their ends follow, with their texts
  for (const auto& record : to_finish_) not_yet_written.insert(record.key);
  restore request{*ledger_, {}};
  for (const auto& [key, claim] : claims_of_late_.after(restoring_->last, late_claims_at_once)) {
    restoring_->sent = key;
    auto& own = request.claims.emplace_back();
    own.row.key = {jobs_[claim->job].name, claim->tick, claim->kind};
    own.row.lock_name = claim->lock_name;
    own.row.state = ledger::row_state::running;
    own.row.fence = claim->fence;
    own.row.incarnation = options_.incarnation;
    own.row.instance = options_.instance;
    own.row.attempt = claim->attempt;
    own.row.claimed = claim->claimed;
    own.row.parameters = claim->parameters;
    if (!claim->end || not_yet_written.contains(own.row.key)) continue;
    add_end(own, *claim->end, jobs_[claim->job].policy.followers);
  }
  if (request.claims.empty()) {
    tell(claims_restored{restoring_->remembered, restoring_->lost});
    restoring_.reset();
    return pump_ledger_session();
  }
  restoring_->asked = request.claims.size();
  act(std::move(request));
  begin_call(s, call_kind::restore);
}

void scheduler::core::handle(restored&& e) {
  if (reply_of(e.id, call_kind::restore) == nullptr) return;
  tell(call_took{"restore", e.when.received - e.when.sent});
  if (!e.reply) {
    const auto& why = e.reply.error();
    if (is_dead(why)) return ledger_failed(why, why.code == errc::store_unavailable);
    if (why.code != errc::store_busy) tell(session_trouble{false, why});
    ledger_pause_until_ = now_.steady + (why.code == errc::store_busy ? microseconds{milliseconds{10}} : seconds{1});
    return;
  }
  if (!restoring_) return;
  restoring_->remembered += restoring_->asked;
  restoring_->lost += *e.reply;
  restoring_->last = restoring_->sent;
}

}  // namespace baton::engine
