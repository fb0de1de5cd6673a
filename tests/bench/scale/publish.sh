#!/usr/bin/env bash
# publish.sh SCALE_BENCH WORK FOLDER: every workload on both servers, one after the other, on a machine that has nothing else to do (about an
# hour); then the plots and figures.json of FOLDER. What has been measured into WORK is not measured again.
set -euo pipefail
bench=$(realpath "$1") work=$2 folder=$3
mkdir -p "$work" "$folder"
measure() {  # NAME WORKLOAD OPTION…
  local json="$work/$1.json"
  shift
  [[ -f "$json" ]] || "$bench" "$@" --json "$json"
}
for server in mariadb mysql; do
  for jobs in 100 1000 10000; do measure "$server-storm-$jobs" storm --server "$server" --jobs "$jobs"; done
  measure "$server-storm-50000" storm --server "$server" --jobs 50000 --trials 3
  measure "$server-storm-16-slots" storm --server "$server" --jobs 1000 --slots 16
  for delay in 1 5; do
    for jobs in 1000 10000; do measure "$server-storm-$jobs-$delay-ms" storm --server "$server" --jobs "$jobs" --delay "$delay" --trials 3; done
  done
  for instances in 1 2 5 8; do measure "$server-storm-$instances-instances" storm --server "$server" --jobs 10000 --instances "$instances" --trials 3; done
  for rate in 100 500 1000 2000 5000; do measure "$server-steady-$rate" steady --server "$server" --jobs "$rate"; done
  for jobs in 10000 100000; do measure "$server-idle-$jobs" idle --server "$server" --jobs "$jobs" --instances 2; done
  for rows in 1 10; do measure "$server-storm-$rows-million" storm --server "$server" --jobs 10000 --million-rows "$rows" --trials 3; done
done
"$(dirname "${BASH_SOURCE[0]}")/plot.py" "$work" "$folder"
