#!/usr/bin/env bash
# units.sh DEPLOY PROGRAM DOCUMENT: the units in the folder DEPLOY, with PROGRAM in place of what will be installed, are accepted by
# systemd, hardened as promised, and each drop-in costs what the table in DOCUMENT says for the systemd named there, and no more with a later one.
set -euo pipefail
deploy=$1 program=$2 document=$3
if ! command -v systemd-analyze > /dev/null; then
  echo "cannot here: there is no systemd-analyze"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }

score() { systemd-analyze security --offline=true "$1" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'; }

verify() {
  local said
  said=$(systemd-analyze verify --man=no "$1" 2>&1) || fail "$2: verify"
  [[ -z "$said" ]] || fail "$2: $said"
}

for unit in baton.service baton@.service; do
  sed "s#^\(Exec[A-Za-z]*=\)[^ ]*/baton #\1$program #" "$deploy/$unit" > "$folder/${unit/@/@a}"
  grep -q "^ExecStart=$program run" "$folder/${unit/@/@a}" || fail "$unit does not start baton"
  verify "$folder/${unit/@/@a}" "$unit"
  got=$(score "$folder/${unit/@/@a}")
  awk -v got="$got" 'BEGIN { exit !(got != "" && got <= 1.5) }' || fail "$unit: systemd-analyze security says $got, promised are 1.5"
  echo "$unit: $got"
done

documented=$(sed -n 's/.*`security` then (systemd \([0-9]*\)).*/\1/p' "$document")
[[ -n "$documented" ]] || fail "$document does not name the systemd of its table"
later=$(systemctl --version | awk -v documented="$documented" 'NR == 1 { print ($2 > documented + 0) }')
for file in "$deploy"/drop-ins/*.conf; do
  name=$(basename "$file")
  rm -rf "$folder/baton.service.d"
  mkdir "$folder/baton.service.d"
  cp "$file" "$folder/baton.service.d/"
  # systemd 252 does not know what this one is for.
  [[ "$name" == notify-reload.conf ]] || verify "$folder/baton.service" "$name"
  got=$(score "$folder/baton.service")
  promised=$(sed -n "s/^| \`$name\` | .* | \([0-9.]*\) |\$/\1/p" "$document")
  awk -v got="$got" -v promised="$promised" -v later="$later" 'BEGIN { exit !(promised != "" && (got == promised || (later && got <= promised))) }' ||
    fail "$name: systemd-analyze security says ${got:-nothing}; $document ${promised:-nothing}"
  echo "$name: $got"
done
exit "$failed"
