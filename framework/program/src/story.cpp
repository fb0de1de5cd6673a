#include "story.hpp"

#include <algorithm>

#include "baton/ledger/run_id.hpp"

namespace baton::program {
namespace {

using ledger::reason_code;
using ledger::row_state;
using ledger::run_outcome;
using ledger::short_time;
using ledger::tick_kind;
using ledger::tick_row;

std::string in_milliseconds(microseconds d) { return to_text(std::chrono::floor<milliseconds>(d)); }
std::string moment(wall_time t) { return short_time(std::chrono::floor<milliseconds>(t)); }

std::string why_skipped(reason_code reason) {
  switch (reason) {
    case reason_code::overlap: return "a run of the job was still under way when it was due (overlap: skip)";
    case reason_code::paused: return "the job was paused";
    case reason_code::calendar: return "the job's calendars exclude its day (not_on, only_on)";
    case reason_code::queue_full: return "as many ticks as queue_limit allows were waiting already";
    case reason_code::disabled: return "the configuration disables the job (enabled: false)";
    default: return "of reason '" + std::string{to_string(reason)} + "'";
  }
}

std::string why_missed(reason_code reason) {
  switch (reason) {
    case reason_code::no_catch_up: return "nobody ran it in time, and the job does not catch up (catch_up.policy: none)";
    case reason_code::outside_window: return "nobody ran it in time, and when it was found it was older than catch_up.window";
    case reason_code::over_limit: return "nobody ran it in time, and newer ticks were caught up instead (catch_up.policy, catch_up.limit)";
    default: return "nobody ran it in time";
  }
}

std::string how_it_ended(const tick_row& row) {
  switch (row.outcome) {
    case run_outcome::none: return "ended";
    case run_outcome::success: return row.reason == reason_code::skipped_by_handler ? "ended well, with nothing to do" : "ended well";
    case run_outcome::failure: return "failed";
    case run_outcome::timeout: return "was stopped: it took longer than its timeout";
    case run_outcome::cancelled: return "was cancelled";
    case run_outcome::crashed: return "crashed";
    case run_outcome::lock_lost: return "was stopped: its instance had lost the job's lock";
  }
  return "ended";
}

/// Sentences about one row.
class teller {
 public:
  teller(const tick_facts& facts, std::vector<std::string>& sentences) : facts_(facts), sentences_(sentences) {}

  void tell(const tick_row& row) {
    if (row.key.kind == tick_kind::trigger) say("It was triggered by command" + when_asked(row) + ".");
    if (row.key.kind == tick_kind::after) say("It was asked for by the end of another job's run of this tick" + when_asked(row) + ".");
    if (!row.parameters.empty()) say("It was given the parameters " + row.parameters + ".");
    switch (row.state) {
      case row_state::pending: return pending(row);
      case row_state::running: return running(row);
      case row_state::retry_due: return retry_due(row);
      case row_state::finished: return finished(row);
      case row_state::skipped: return say(range(row) + " skipped: " + why_skipped(row.reason) + ".");
      case row_state::missed: return say(range(row) + " missed: " + why_missed(row.reason) + ".");
    }
  }

 private:
  void say(std::string sentence) { sentences_.push_back(std::move(sentence)); }

  static std::string when_asked(const tick_row& row) { return row.requested ? " at " + moment(*row.requested) : std::string{}; }
  static std::string attempt(const tick_row& row) { return "attempt " + std::to_string(row.attempt) + " on " + row.instance; }

  static std::string range(const tick_row& row) {
    if (!row.until) return "It was";
    return "With " + std::to_string(row.count) + " ticks from " + short_time(row.key.tick) + " to " + short_time(*row.until) + " it was";
  }

  void pending(const tick_row& row) {
    say("It has not begun: it waits for a free slot and for the lock " + row.lock_name + ".");
    if (facts_.busy) say("That lock is held for " + run_id(facts_.busy->key) + ", which " + facts_.busy->instance + " runs.");
  }

  void running(const tick_row& row) {
    say("It is under way: " + attempt(row) + (row.claimed ? ", claimed at " + moment(*row.claimed) : "") + ".");
    if (row.cancel) say("Its end has been asked for.");
  }

  void retry_due(const tick_row& row) {
    say("Its " + attempt(row) + " " + how_it_ended(row) + (row.finished ? " at " + moment(*row.finished) : "") + ".");
    error(row);
    say(row.retry_at ? "The next attempt is due at " + moment(*row.retry_at) + "."
                     : "Whoever gets the lock next decides about a further attempt (on_crash).");
  }

  void finished(const tick_row& row) {
    if (row.attempt == 0) {
      say("It " + how_it_ended(row) + " before it began" + (row.finished ? ", at " + moment(*row.finished) : "") + ".");
      return error(row);
    }
    std::string text = "It ran: " + attempt(row);
    text += row.started ? " began at " + moment(*row.started) : " did not get as far as to begin";
    text += " and " + how_it_ended(row);
    if (row.finished) text += " at " + moment(*row.finished);
    if (row.started && row.finished) text += ", after " + in_milliseconds(*row.finished - *row.started);
    say(text + ".");
    if (row.attempt > 1) say("Of its " + std::to_string(row.attempt) + " attempts the ledger keeps the last.");
    lateness(row);
    error(row);
  }

  void lateness(const tick_row& row) {
    if (row.key.kind != tick_kind::schedule || row.attempt > 1 || !row.started || !facts_.schedule) return;
    const auto late = *row.started - facts_.schedule->due(row.key.tick);
    constexpr microseconds worth_saying = std::chrono::seconds{5};
    if (late > worth_saying) say("That was " + in_milliseconds(late) + " after it was due.");
  }

  void error(const tick_row& row) {
    if (!row.error.empty()) say("The error: " + row.error);
  }

  const tick_facts& facts_;
  std::vector<std::string>& sentences_;
};

std::string local(const tick_facts& facts, wall_time t) {
  return facts.schedule ? schedule::to_local_text(t, facts.schedule->time_zone()) : short_time(t);
}

bool is_tick(const schedule::timetable& s, wall_time t) {
  const auto next = s.next(t - microseconds{1});
  return next && *next == t;
}

std::string no_tick(const tick_facts& facts) {
  const auto& s = *facts.schedule;
  std::string text = short_time(facts.tick) + " is no tick of the schedule `" + s.text() + "` (" + s.time_zone().name() + ")";
  const auto before = s.previous(facts.tick);
  const auto after = s.next(facts.tick);
  if (before) text += ", the one before is " + local(facts, *before);
  if (after) text += ", the one after " + local(facts, *after);
  return text + ".";
}

/// Why a tick of the schedule has no row.
void tell_of_nothing(const tick_facts& facts, std::vector<std::string>& sentences) {
  const auto say = [&](std::string sentence) { sentences.push_back(std::move(sentence)); };
  if (!facts.record)
    return say(
        "No instance has registered the job in the ledger: either none has run with this configuration, or it is on another cluster.");
  if (!facts.schedule) return say("The job has no schedule: it runs when it is triggered, or after another job.");
  if (!is_tick(*facts.schedule, facts.tick)) return say(no_tick(facts));
  const auto& record = *facts.record;
  if (facts.tick < record.effective_since)
    return say("Ticks before " + moment(record.effective_since) +
               " do not exist for the ledger: that is when the job was first seen, or its schedule changed.");
  if (record.low_water && facts.tick <= *record.low_water)
    return say("Rows up to " + short_time(*record.low_water) +
               " have been purged (history.keep): what became of it is not known any more, and it will not run again.");
  const auto due = facts.schedule->due(facts.tick);
  if (due > facts.now) {
    say("It is not due yet: it will be in " + in_milliseconds(due - facts.now) + ", at " + local(facts, due) + ".");
    if (facts.schedule->is_excluded(facts.tick)) say("It will be skipped: the job's calendars exclude its day (not_on, only_on).");
    return;
  }
  say("It was due at " + local(facts, due) + ", and nobody has decided about it yet.");
  if (record.standing.reason_at(due) != reason_code::none)
    return say("It will be recorded as skipped: " + why_skipped(record.standing.reason_at(due)) + ".");
  if (facts.busy)
    return say("It is decided when " + run_id(facts.busy->key) + " has ended, which " + facts.busy->instance +
               " runs under the same lock.");
  constexpr microseconds soon = std::chrono::seconds{5};
  say(facts.now - due < soon ? "That was a moment ago: ask again."
                             : "An instance that is alive and has a free slot would have: `baton instances` shows them. "
                               "Once one is there, catch_up decides whether it still runs.");
}

}  // namespace

std::vector<std::string> story_of(const tick_facts& facts) {
  std::vector<std::string> sentences;
  teller of_rows{facts, sentences};
  const auto scheduled = [](const tick_row& row) { return row.key.kind == tick_kind::schedule; };
  const bool has_any = !facts.rows.empty();
  const bool asked_of_schedule = facts.schedule && is_tick(*facts.schedule, facts.tick);
  if (!has_any || (asked_of_schedule && std::ranges::none_of(facts.rows, scheduled))) tell_of_nothing(facts, sentences);
  for (const auto& row : facts.rows) of_rows.tell(row);
  if (facts.record && facts.record->standing.stopped != reason_code::none) {
    const auto& s = facts.record->standing;
    sentences.push_back(std::string{"The job is "} + (s.stopped == reason_code::paused ? "paused" : "disabled") +
                        (s.stopped_from ? " since " + moment(*s.stopped_from) : "") + ".");
  }
  if (facts.schedule && facts.tick <= facts.now) {
    if (const auto next = facts.schedule->next_run(facts.now)) sentences.push_back("Its next tick is " + local(facts, *next) + ".");
  }
  return sentences;
}

}  // namespace baton::program
