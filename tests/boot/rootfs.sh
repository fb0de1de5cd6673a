#!/usr/bin/env bash
# rootfs.sh FOLDER SUITE PACKAGES: a minimal Debian with some packages more (commas between them) in FOLDER, from the mirror that this
# machine's own apt uses. Needs root, and debootstrap. Running it again does nothing.
set -euo pipefail
folder=$1 suite=$2 packages=$3
if [[ -e "$folder/ready" ]]; then exit 0; fi
mirror=$(
  {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null | awk '$1 == "deb" { for (i = 2; i <= NF; ++i) if ($i ~ /^[a-z+]+:\/\//) { print $i; break } }'
    cat /etc/apt/sources.list.d/*.sources 2> /dev/null | awk 'tolower($1) == "uris:" { for (i = 2; i <= NF; ++i) print $i }'
  } | awk '/debian\/?$/ && !/security/ { sub(/\/$/, ""); print; exit }'
)
[[ -n "$mirror" ]] || { echo "rootfs.sh: found no Debian mirror in /etc/apt" >&2; exit 1; }
rm -rf "$folder"
debootstrap --variant=minbase --include="$packages" "$suite" "$folder" "$mirror"
for file in /etc/apt/apt.conf.d/*; do  # a proxy, perhaps
  if grep -qi 'proxy\|Verify' "$file"; then cp "$file" "$folder/etc/apt/apt.conf.d/"; fi
done
touch "$folder/ready"
