#!/bin/sh
# check_rules.sh RULES PAGE: checks the folder of shipped rules, runs their own tests, and that PAGE tells what to do about each alert.
set -eu
promtool=$("$(dirname "$0")/promtool.sh")
for alert in $(sed -n 's/.*- alert: //p' "$1/rules.yml"); do
  anchor=$(echo "$alert" | tr '[:upper:]' '[:lower:]')
  grep -qx "### $alert" "$2" || { echo "$2 has no heading $alert" >&2; exit 1; }
  grep -q "runbook: docs/how-to/monitoring.md#$anchor\$" "$1/rules.yml" || { echo "$alert has no runbook" >&2; exit 1; }
done
for alert in $(sed -n 's/^### \(Baton.*\)/\1/p' "$2"); do
  grep -q -- "- alert: $alert\$" "$1/rules.yml" || { echo "$2 tells of $alert, which is no alert" >&2; exit 1; }
done
cd "$1"  # the files name each other
"$promtool" check rules rules.yml
"$promtool" check config scrape.yml
"$promtool" test rules rules_test.yml
