#!/usr/bin/env python3
"""Breaks the engine and its rules one line at a time, and shows that the simulation notices each.

usage: mutations.py SOURCE BUILD [SECONDS]

SOURCE is a checkout of its own (it is written to), BUILD its configured build folder. Each mutation is built and run for at most SECONDS
(default: 120, as the short run of ./dev test). Exit code 1 if one survives.
"""
import os
import pathlib
import subprocess
import sys

CLAIM = "framework/ledger/src/claim.cpp"
CORE = "framework/engine/src/core.cpp"
RUNS = "framework/engine/src/core_runs.cpp"

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
]


def main() -> int:
    source, build = pathlib.Path(sys.argv[1]), sys.argv[2]
    seconds = sys.argv[3] if len(sys.argv) > 3 else "120"
    survived = 0
    for what, name, line, broken in MUTATIONS:
        file = source / name
        text = file.read_text()
        if text.count(line) != 1:
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
            found = [entry for entry in ran.stdout.splitlines() if " at " in entry and ": " in entry and "Note" not in entry]
            fleets = [entry for entry in ran.stdout.splitlines() if " fleets, " in entry]
            if ran.returncode == 0:
                survived += 1
                print(f"FAILED  {what}: not noticed in {fleets}")
            else:
                print(f"ok      {what}: {found[0] if found else ran.stdout[-300:] + ran.stderr[-300:]} ({fleets[0].split(',')[0] if fleets else '?'})")
            sys.stdout.flush()
        finally:
            file.write_text(text)
    print(f"{len(MUTATIONS) - survived} of {len(MUTATIONS)} mutations noticed")
    return 1 if survived else 0


sys.exit(main())
