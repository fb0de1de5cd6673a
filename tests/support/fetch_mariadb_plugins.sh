#!/bin/sh
# Unpacks the plugins of Debian's package mariadb-server beside the system, without the service that the package would start.
#
#   fetch_mariadb_plugins.sh [DEST]      DEST defaults to ${XDG_CACHE_HOME:-$HOME/.cache}/baton/mariadb-plugins; needs no root
#
# The tests want metadata_lock_info, which says who holds which named lock. Running it again does nothing.
set -eu
dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/baton/mariadb-plugins}
[ ! -e "$dest/metadata_lock_info.so" ] || exit 0
mkdir -p "$(dirname "$dest")"
work=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
download() { apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download mariadb-server; }
download || { apt-get -q update && download; }
dpkg -x mariadb-server*.deb root
folder=$(find "$work/root" -name metadata_lock_info.so -printf '%h\n')
[ -n "$folder" ] || { echo "fetch_mariadb_plugins: the package holds no metadata_lock_info.so any more: this script needs a look" >&2; exit 1; }
chmod 755 "$folder"
mv -T "$folder" "$dest" 2> /dev/null || [ -e "$dest/metadata_lock_info.so" ]
