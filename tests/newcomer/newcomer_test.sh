#!/usr/bin/env bash
# newcomer_test.sh SOURCE SUITE [COMMANDS]: the commands of README's section "Two commands" - or its first COMMANDS of them - in a clone of
# SOURCE on a fresh, minimal Debian SUITE, as its first user. Needs root. Prints SKIPPED and why where this machine cannot hold one.
set -euo pipefail
source=$(realpath "$1") suite=$2 count=${3:-2}
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
skip() { echo "SKIPPED: cannot here: $*"; exit 0; }
((EUID == 0)) || skip "only root makes a machine"
for tool in debootstrap systemd-nspawn git; do command -v "$tool" > /dev/null || { echo "FAILED: $tool is missing: apt-get install debootstrap systemd-container git"; exit 1; }; done

work=${BATON_NEWCOMER_WORK:-$(mktemp -d /var/tmp/baton-newcomer.XXXXXX)}
trap '[[ -n "${BATON_NEWCOMER_WORK:-}" ]] || rm -rf "$work"' EXIT
machine=$work/machine
cache=${XDG_CACHE_HOME:-$HOME/.cache}/baton/newcomer-$suite
mkdir -p "$work"
"$here/../boot/rootfs.sh" "$cache" "$suite" ca-certificates > "$work/rootfs.log" 2>&1 || { tail -n 20 "$work/rootfs.log"; exit 1; }
rm -rf "$machine"
cp -a --reflink=auto "$cache" "$machine"
git -c safe.directory='*' clone -q "$source" "$machine/root/baton"
commands=$(awk '/^## Two commands/ { here = 1 } here && /^```sh/ { inside = 1; next } inside && /^```/ { exit } inside { sub(/ *#.*/, ""); print }' "$source/README.md" | head -n "$count")
[[ -n "$commands" ]] || { echo "FAILED: README has no commands"; exit 1; }

failed=0
fail() { echo "FAILED: $*"; failed=1; }
while read -r command; do
  log=$work/$(tr -c 'a-z\n' '_' <<< "$command").log
  [[ "$command" != './dev demo' ]] || command+=' --for 30s'  # as the comment beside it says
  started=$SECONDS
  # shellcheck disable=SC2094  # the loop writes what it has read
  if ! systemd-nspawn -q -D "$machine" --register=no --keep-unit --capability=all --chdir=/root/baton bash -c "$command" 2>&1 < /dev/null |
    while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done > "$log"; then
    fail "$command"
  fi
  ((SECONDS - started < 5)) && grep -q 'Operation not permitted\|Failed to' "$log" && skip "systemd-nspawn: $(tail -n 1 "$log")"
  case $command in
    './dev demo'*)
      grep -q ' GOOD: ' "$log" || fail "the demo does not end well"
      waited=$(awk '/ ok +build release/ { built = $1 } built && $2 ~ /^[0-9:.]+$/ && NF > 5 { printf "%.1f", $1 - built; exit }' "$log")
      echo "$suite: $command: first tick $waited s after the build, $((SECONDS - started)) s in all"
      awk -v waited="${waited:-99}" 'BEGIN { exit !(waited <= 10) }' || fail "the first tick comes ${waited:-never} s after the build"
      ;;
    './dev test')
      echo "$suite: $command: $(tail -n 1 "$log" | cut -d ' ' -f 2-), $((SECONDS - started)) s in all"
      tail -n 1 "$log" | grep -q ' 0 failed, ' || fail "$command"
      ;;
  esac
  if ((failed)); then tail -n 60 "$log"; break; fi
done <<< "$commands"
exit "$failed"
