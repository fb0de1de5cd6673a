#!/usr/bin/env python3
"""Breaks the engine and its rules one line at a time, and shows that the simulation notices each.

usage: mutations.py SOURCE BUILD [SECONDS]
       mutations.py --lines SOURCE

SOURCE is a checkout of its own (it is written to), BUILD its configured build folder. Each mutation is built and run for at most SECONDS
(default: 120, as the short run of ./dev test). Exit code 1 if one survives. --lines only tells whether each line is still there, once.
"""
import os
import pathlib
import subprocess
import sys

CLAIM = "framework/ledger/src/claim.cpp"
CORE = "framework/engine/src/core.cpp"
RUNS = "framework/engine/src/core_runs.cpp"
TICKS = "framework/engine/src/core_ticks.cpp"
RESTORE = "framework/engine/src/core_restore.cpp"

# what is broken, file, a line (or part of one), what it becomes
MUTATIONS = [
    ("a run is called crashed without waiting for its owner", CLAIM, "remaining = std::max(remaining, request_.young_session - name_.lock_session_age);",
     "remaining = microseconds{0};"),
    ("the owner of a free incarnation lock is not waited for", CLAIM, "request_.dead_owner_wait - gone_for", "microseconds{0} - gone_for"),
    ("a fence does not rise", CLAIM, "std::max(seen_.fence + 1, floor)", "std::max(seen_.fence, floor - floor % 60'000'000)"),
    ("a further attempt has the number of the last one", CLAIM, "return claim_again(row, row.attempt + 1);", "return claim_again(row, row.attempt);"),
    ("a tick runs early", CLAIM, "if (due > now_) {", "if (due > now_ + std::chrono::seconds{1}) {"),
    ("the limit of a tag is ignored", CLAIM, "return room_[tag] > 0;", "return room_[tag] + 1 > 0;"),
    ("the followers of a crashed run are forgotten", CLAIM, "if (f.follows(closed.outcome)) plan_", "if (f.follows(run_outcome::success)) plan_"),
    ("a job is taken for decided as far as the clock", CORE, "decided(it->second, from);", "decided(it->second, std::max(from, now_.wall));"),
    ("a name is released before the end of its run is written", RUNS, "to_finish_names_.push_back(run.name);\n",
     "to_finish_names_.push_back(run.name);\n  if (auto* s = find(session); s != nullptr && s->names.contains(run.name)) s->to_release.push_back(run.name);\n"),
    ("a run is started on a lease that was lost before the reply to its claim", TICKS, "if (!name.lease_lost && !stopping_ && !jobs_[", "if (!stopping_ && !jobs_["),
    ("open rows are not looked at in a reconcile", TICKS, "  see_open_rows(reply.open, reply.store_now);\n", ""),
    ("the end of a run is sent once, whatever becomes of it", CORE, "  finishing_now_ = 0;\n  ledger_.reset();",
     "  to_finish_.erase(to_finish_.begin(), to_finish_.begin() + static_cast<std::ptrdiff_t>(finishing_now_));\n"
     "  to_finish_names_.erase(to_finish_names_.begin(), to_finish_names_.begin() + static_cast<std::ptrdiff_t>(finishing_now_));\n"
     "  finishing_now_ = 0;\n  ledger_.reset();"),
    ("a session is closed while runs that live by it live", CORE, "if (names_[r.name].session == id) return;", "if (names_[r.name].session == id && exited_) return;"),
    ("an abandoned ledger session is closed at once", CORE, "if (s == nullptr || s->at != session_state::state::ready || s->last_proof <= entry.second) return false;",
     "if ((s == nullptr || s->at != session_state::state::ready || s->last_proof <= entry.second) && exited_) return false;"),
    # after a failover
    ("nothing is restored", RESTORE, "restoring_.emplace();", "restoring_.reset();"),
    ("claims are restored as if they had no end", RESTORE, "if (!claim->end || not_yet_written.contains(own.row.key)) continue;",
     "if (!claim->end || own.row.attempt > 0) continue;"),
    ("only the first batch of claims is restored", RESTORE, "after(restoring_->last, late_claims_at_once)", "after(restoring_->last, restoring_->last ? 0 : 2)"),
    ("nobody waits until others have restored their claims", RESTORE, "quiet_until_ = now_.steady + options_.timing.wait_timeout;", "quiet_until_ = now_.steady;"),
    ("the new server's clock is not waited for", RESTORE, "if (reached && *reached <= now_.steady) catch_up_to_.reset();", "if (reached) catch_up_to_.reset();"),
    # policies
    ("overlap: skip heeds waiting attempts only", CLAIM, "if ((ran_until || waits) && job.policy.overlap == overlap_policy::skip)",
     "if (waits && job.policy.overlap == overlap_policy::skip)"),
    ("a queue takes one more", CLAIM, "return static_cast<std::uint64_t>(waited) >= job.policy.waiting_limit();",
     "return static_cast<std::uint64_t>(waited) + 1 >= job.policy.waiting_limit();"),
    ("catch_up: none catches up", CLAIM, "return reason_code::no_catch_up;", "return reason_code::none;"),
    ("catch_up: all goes one over its limit", CLAIM, "later < policy.catch_up_limit;", "later <= policy.catch_up_limit;"),
    ("the window of catch_up is twice as long", CLAIM, "if (now_ - due > policy.catch_up_window)", "if (now_ - due > 2 * policy.catch_up_window)"),
    ("a tick is missed that is only late", CLAIM, "const bool missed = now_ >= late_until;", "const bool missed = now_ >= std::min(late_until, due + seconds{1} / 2);"),
    ("the back-off of a retry is cut short", CLAIM, "if (now_ < *row.retry_at ||", "if (now_ + seconds{1} < *row.retry_at ||"),
    ("a crashed run has one attempt more", CLAIM, "row.attempt < job.policy.crash_attempts && !row.cancel", "row.attempt <= job.policy.crash_attempts && !row.cancel"),
]


def missing_lines(source: pathlib.Path) -> int:
    missing = [(what, name, line) for what, name, line, _ in MUTATIONS if (source / name).read_text().count(line) != 1]
    for what, name, line in missing:
        print(f"{what}: the line does not stand once in {name}: {line!r}")
    return 1 if missing else 0


def main() -> int:
    if sys.argv[1] == "--lines":
        return missing_lines(pathlib.Path(sys.argv[2]))
    source, build = pathlib.Path(sys.argv[1]), sys.argv[2]
    seconds = sys.argv[3] if len(sys.argv) > 3 else "120"
    survived = 0
    for what, name, line, broken in MUTATIONS:
        file = source / name
        text = file.read_text()
        if text.count(line) != 1:  # not the line it was
            print(f"FAILED  {what}: the line stands {text.count(line)} times in {name}: {line!r}")
            survived += 1
            continue
        try:
            file.write_text(text.replace(line, broken))
            made = subprocess.run(["cmake", "--build", build, "--target", "simulation_test"], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                print(f"FAILED  {what}: does not compile\n{made.stdout[-2000:]}")
                survived += 1
                continue
            ran = subprocess.run([f"{build}/bin/simulation_test", "--gtest_filter=simulation.keeps*"], capture_output=True, text=True, check=False,
                                 env={**os.environ, "BATON_SIM_SECONDS": seconds})
            found = [entry for entry in ran.stdout.splitlines() if (" at " in entry and ": " in entry and "Note" not in entry) or entry.startswith("an exception")]
            fleets = [entry for entry in ran.stdout.splitlines() if " fleets (" in entry]
            if ran.returncode == 0:
                survived += 1
                print(f"FAILED  {what}: not noticed in {fleets}")
            else:
                print(f"ok      {what}: {found[0] if found else ran.stdout[-300:] + ran.stderr[-300:]} ({fleets[0].split(' (')[0] if fleets else '?'})")
            sys.stdout.flush()
        finally:
            file.write_text(text)
    print(f"{len(MUTATIONS) - survived} of {len(MUTATIONS)} mutations noticed")
    return 1 if survived else 0


sys.exit(main())
