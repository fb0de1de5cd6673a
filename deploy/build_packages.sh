#!/usr/bin/env bash
# build_packages.sh FOLDER: Debian packages of this tree's commit, and of what is changed since, into FOLDER. Installs nothing; says what
# is missing.
set -euo pipefail
out=$(realpath -m "${1:?usage: deploy/build_packages.sh FOLDER}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/baton" "$out"
git -c safe.directory="$PWD" ls-files -z | xargs -0 cp --parents -t "$work/baton"
mv "$work/baton/deploy/debian" "$work/baton/debian"
(cd "$work/baton" && dpkg-buildpackage --build=binary --no-sign --jobs="$(nproc)")
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out"
