#!/usr/bin/env bash
# spelling.sh SOURCE: words in the documents that are neither English, British or American, nor in words.txt. Code is left out.
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
cd "$1"
mapfile -t pages < <(find README.md CONTRIBUTING.md CHANGELOG.md docs framework plugins examples tests deploy -name '*.md' | sort)
unknown=$(awk 'FNR == 1 { code = 0 } /^ *```/ { code = !code; next } !code' "${pages[@]}" |
  sed -E 's/`[^`]*`//g; s/\]\([^)]*\)/]/g; s#https?://[^ )]*##g; s/<!--.*-->//g' |
  hunspell -d en_GB,en_US -l | grep -v '[0-9]' | sed "s/'s$//" | sort -u | grep -vxFf "$here/words.txt" || true)
[[ -z "$unknown" ]] || { printf 'not English, and not in tests/layers/words.txt:\n%s\n' "$unknown"; exit 1; }
