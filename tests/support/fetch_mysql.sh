#!/bin/sh
# Unpacks Debian sid's MySQL server and client into a folder of their own, beside the system and without touching it.
#
#   fetch_mysql.sh [DEST]      DEST defaults to ${XDG_CACHE_HOME:-$HOME/.cache}/baton/mysql-sid; needs no root
#
# Debian stable has MariaDB only, so that the tests against MySQL take the server from sid, with every library it needs. Packages come
# from the mirror that this machine's own apt uses and are verified with Debian's archive key. Running it again does nothing.
set -eu

dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/baton/mysql-sid}
wanted='mysql-server-core mysql-client-core libmysqlclient-dev libmysqlclient24 mysql-router'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "fetch_mysql: $*" >&2; }
fail() { say "$*"; exit 1; }

if [ -x "$dest/usr/sbin/mysqld" ]; then
  say "already there: $dest"
  exit 0
fi
for tool in apt-get dpkg dpkg-deb awk; do
  command -v "$tool" > /dev/null || fail "$tool is missing: this works on Debian only"
done
[ -r "$keyring" ] || fail "$keyring is missing: install debian-archive-keyring"

# The first Debian mirror of the machine's own sources, in the one-line form or in deb822 form; security archives have no sid.
mirror=$(
  {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
      [ -r "$file" ] || continue
      awk '$1 == "deb" { for (i = 2; i <= NF; ++i) if ($i ~ /^[a-z+]+:\/\//) { print $i; break } }' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
      [ -r "$file" ] || continue
      awk 'tolower($1) == "uris:" { for (i = 2; i <= NF; ++i) print $i }' "$file"
    done
  } | awk '/debian\/?$/ && !/security/ { sub(/\/$/, ""); print; exit }'
)
[ -n "$mirror" ] || fail "found no Debian mirror in /etc/apt/sources.list or /etc/apt/sources.list.d/"

mkdir -p "$(dirname "$dest")"
work=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/debs" "$work/root"
: > "$work/apt/status"
echo "deb [signed-by=$keyring] $mirror sid main" > "$work/apt/sources.list"

apt() {
  command=$1
  shift
  apt-get -q -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State="$work/apt" \
    -o Dir::State::Lists="$work/apt/lists" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt" \
    -o Dir::Cache::archives="$work/apt/archives" -o APT::Sandbox::User= -o Debug::NoLocking=1 -o Acquire::Retries=3 \
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o APT::Install-Recommends=false -o APT::Get::List-Cleanup=false "$command" "$@"
}

say "reading the package lists of sid"
apt update > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "the package lists of sid could not be read"; }
# shellcheck disable=SC2086  # a list of words
apt install --simulate $wanted > "$work/plan" 2> "$work/log" || { cat "$work/plan" "$work/log" >&2; fail "sid cannot satisfy: $wanted"; }
packages=$(awk '$1 == "Inst" { print $2 }' "$work/plan")
say "downloading $(echo "$packages" | wc -l) packages"
# shellcheck disable=SC2086
(cd "$work/debs" && apt download $packages) > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "a download failed"; }
say "unpacking $(du -sh "$work/debs" | cut -f1)"
for package in "$work"/debs/*.deb; do
  dpkg -x "$package" "$work/root"
done
[ -x "$work/root/usr/sbin/mysqld" ] || fail "the packages hold no usr/sbin/mysqld any more: this script needs a look"
# As on a system: packages that were built for a merged /usr look for the loader in /lib64.
for folder in lib lib64; do
  [ -e "$work/root/$folder" ] || ln -s "usr/$folder" "$work/root/$folder"
done
chmod 755 "$work/root"
if ! mv -T "$work/root" "$dest" 2> /dev/null; then
  [ -x "$dest/usr/sbin/mysqld" ] || fail "could not move the folder to $dest: remove what is there"
fi
say "ready: $dest"
