#!/bin/sh
# promtool.sh [promtool|prometheus]: prints the path of the tool: $BATON_PROMTOOL or $BATON_PROMETHEUS, else the one on PATH, else a copy in the
# cache, fetched on demand from the distribution's packages, which are unpacked and not installed (installing prometheus would start a server).
set -eu

tool=${1:-promtool}
case $tool in
  promtool) chosen=${BATON_PROMTOOL:-} ;;
  prometheus) chosen=${BATON_PROMETHEUS:-} ;;
  *) echo "promtool.sh: knows promtool and prometheus, not $tool" >&2; exit 64 ;;
esac
if [ -n "$chosen" ]; then
  [ -x "$chosen" ] || { echo "promtool.sh: $chosen, named in the environment, is not executable" >&2; exit 1; }
  echo "$chosen"
  exit 0
fi
if found=$(command -v "$tool"); then
  echo "$found"
  exit 0
fi

cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/baton"
if [ ! -x "$cache/$tool" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  # apt drops to its own user for downloads, who must be able to write here.
  chmod 755 "$work"
  fetch() {
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$1") >&2 ||
      { echo "promtool.sh: could not fetch the package $1; set BATON_PROMTOOL and BATON_PROMETHEUS to the tools" >&2; exit 1; }
    dpkg -x "$work/$1"_*.deb "$work/root"
  }
  fetch prometheus
  [ -e "$work/root/usr/bin/promtool" ] || fetch promtool  # a package of its own since Debian 13
  mv "$work/root/usr/bin/promtool" "$work/root/usr/bin/prometheus" "$cache"  # renames: two tests at once do not see half a file
fi
echo "$cache/$tool"
