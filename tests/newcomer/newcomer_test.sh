#!/usr/bin/env bash
# newcomer_test.sh SOURCE SUITE [SECTION...]: the commands of these sections of README ("Two commands" and "Packages", if none is named) in a
# clone of SOURCE on a fresh, minimal Debian SUITE for each, as its first user; after the two commands, those of the tutorial in the same clone.
# Needs root. Prints SKIPPED and why where this machine cannot hold one.
set -euo pipefail
source=$(realpath "$1") suite=$2
shift 2
(($# > 0)) || set -- 'Two commands' Packages
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
skip() { echo "SKIPPED: cannot here: $*"; exit 0; }
fail() { echo "FAILED: $*"; exit 1; }
((EUID == 0)) || skip "only root makes a machine"
for tool in debootstrap systemd-nspawn git; do command -v "$tool" > /dev/null || fail "$tool is missing: apt-get install debootstrap systemd-container git"; done

work=${BATON_NEWCOMER_WORK:-$(mktemp -d /var/tmp/baton-newcomer.XXXXXX)}
trap '[[ -n "${BATON_NEWCOMER_WORK:-}" ]] || rm -rf "$work"' EXIT
machine=$work/machine
cache=${XDG_CACHE_HOME:-$HOME/.cache}/baton/newcomer-$suite
mkdir -p "$work"
"$here/../boot/rootfs.sh" "$cache" "$suite" ca-certificates > "$work/rootfs.log" 2>&1 || { tail -n 20 "$work/rootfs.log"; exit 1; }
fresh_machine() {
  rm -rf "$machine"
  cp -a --reflink=auto "$cache" "$machine"
  git -c safe.directory='*' clone -q "$source" "$machine/root/baton"
  [[ ! -f "${NODE_EXTRA_CA_CERTS:-}" ]] || cp -L "$NODE_EXTRA_CA_CERTS" "$machine/root/authorities.crt"  # of a network that looks into TLS
  echo '127.0.0.1 localhost' > "$machine/etc/hosts"  # as every installer of Debian does
  echo 'APT::Get::Assume-Yes "true";' > "$machine/etc/apt/apt.conf.d/90-the-user-says-yes"
}
commands_of() {
  awk -v title="## $1" '$0 == title { here = 1 } here && /^```sh/ { inside = 1; next } inside && /^```/ { exit } inside { sub(/ *#.*/, ""); print }' "$source/README.md"
}
# --pipe: the output is no terminal, as the readers of the logs expect.
in_machine() { systemd-nspawn -q --pipe -D "$machine" --register=no --keep-unit --capability=all --setenv=DEBIAN_FRONTEND=noninteractive ${NODE_EXTRA_CA_CERTS:+--setenv=NODE_EXTRA_CA_CERTS=/root/authorities.crt} --chdir=/root/baton "$@"; }
fresh_machine
in_machine true > "$work/nspawn.log" 2>&1 < /dev/null || skip "systemd-nspawn: $(tail -n 1 "$work/nspawn.log")"

for section in "$@"; do
  fresh_machine
  if [[ "$section" == Packages ]]; then  # the others bring it; this one begins with what a clone was made with
    in_machine bash -c 'apt-get -q update && apt-get -q install git' > "$work/git.log" 2>&1 < /dev/null || { tail -n 20 "$work/git.log"; fail "git"; }
  fi
  commands=$(commands_of "$section")
  [[ -n "$commands" ]] || fail "README has no commands under '$section'"
  while read -r command; do
    log=$work/$(tr -c 'a-z\n' '_' <<< "$command").log
    [[ "$command" != './dev demo' ]] || command+=' --for 30s'  # as the comment beside it says
    started=$SECONDS
    if ! in_machine bash -c "$command" 2>&1 < /dev/null | while IFS= read -r line; do
      [[ "$line" == 'Attempted to remove disk file system'* ]] || printf '%s %s\n' "$EPOCHREALTIME" "$line"  # nspawn's own, of 252
    done > "$log"; then
      tail -n 60 "$log"
      fail "$suite: $command"
    fi
    says=$(tail -n 1 "$log" | cut -d ' ' -f 2-)
    case $command in
      './dev demo'*)
        grep -q ' GOOD: ' "$log" || fail "$suite: the demo does not end well"
        waited=$(awk '/ ok +build release/ { built = $1 } built && $2 ~ /^[0-9:.]+$/ && NF > 5 { printf "%.1f", $1 - built; exit }' "$log")
        says="first tick ${waited:=99} s after the build"
        awk -v waited="$waited" 'BEGIN { exit !(waited <= 10) }' || fail "$suite: $says"
        ;;
      './dev test') [[ "$says" == *' 0 failed, '* ]] || { tail -n 60 "$log"; fail "$suite: $command: $says"; } ;;
    esac
    echo "$suite: $command: $says; $((SECONDS - started)) s in all"
  done <<< "$commands"
  if [[ "$section" == 'Two commands' ]]; then  # tutorial_test reads what the page says, types it, and looks for what it promises
    started=$SECONDS
    in_machine --setenv=BATON_TUTORIAL_CLONE=/root/baton build/release/bin/tutorial_test > "$work/tutorial.log" 2>&1 < /dev/null ||
      { tail -n 60 "$work/tutorial.log"; fail "$suite: the tutorial"; }
    echo "$suite: the tutorial, as it is written; $((SECONDS - started)) s in all"
  fi
done
