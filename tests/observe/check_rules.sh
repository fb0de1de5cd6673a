#!/bin/sh
# Checks the shipped rules, and runs their own tests. Arguments: the folder.
set -eu
promtool=$("$(dirname "$0")/promtool.sh")
"$promtool" check rules "$1/rules.yml"
cd "$1"  # the files name each other
"$promtool" check config scrape.yml
"$promtool" test rules rules_test.yml
