#!/bin/sh
# Prints the path of promtool: $BATON_PROMTOOL, else the one on PATH, else a copy in the cache, fetched on demand from the
# distribution's prometheus package, which is unpacked and not installed (installing it would start a server).
set -eu

if [ -n "${BATON_PROMTOOL:-}" ]; then
  [ -x "$BATON_PROMTOOL" ] || { echo "promtool.sh: BATON_PROMTOOL=$BATON_PROMTOOL is not executable" >&2; exit 1; }
  echo "$BATON_PROMTOOL"
  exit 0
fi
if found=$(command -v promtool); then
  echo "$found"
  exit 0
fi

cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/baton"
if [ ! -x "$cache/promtool" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # apt drops to its own user for downloads, who must be able to write here.
  chmod 755 "$work"
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download prometheus) >&2 ||
    { echo "promtool.sh: could not fetch the package prometheus; set BATON_PROMTOOL to a promtool" >&2; exit 1; }
  dpkg -x "$work"/prometheus_*.deb "$work/root"
  mv "$work/root/usr/bin/promtool" "$cache/promtool"  # a rename: two tests at once do not see half a file
fi
echo "$cache/promtool"
