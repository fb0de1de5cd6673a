#!/usr/bin/env bash
# boot_test.sh SOURCE: builds the packages, boots a Debian of its own with systemd in a container, and lets inside.sh install and use them
# there. Needs root. Prints SKIPPED and why where this machine cannot boot one.
set -euo pipefail
source=$1
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
skip() { echo "SKIPPED: cannot here: $*"; exit 0; }
((EUID == 0)) || skip "only root boots a container"
for tool in debootstrap systemd-nspawn dpkg-buildpackage dh lintian; do command -v "$tool" > /dev/null || { echo "FAILED: $tool is missing: apt-get install debootstrap systemd-container dpkg-dev debhelper lintian"; exit 1; }; done

work=${BATON_BOOT_WORK:-$(mktemp -d /var/tmp/baton-boot.XXXXXX)}
machine=$work/machine
trap '[[ -n "${BATON_BOOT_WORK:-}" ]] || rm -rf "$work"' EXIT
mkdir -p "$work/boot-test"
if [[ -n "${BATON_DEBS:-}" ]]; then
  mkdir -p "$work/boot-test/debs"
  cp "$BATON_DEBS"/*.deb "$work/boot-test/debs/"
else
  "$source/deploy/build_packages.sh" "$work/packages" > "$work/packages.log" 2>&1 || { tail -n 40 "$work/packages.log"; exit 1; }
  lintian --allow-root --fail-on warning "$work"/packages/*.changes
  mkdir -p "$work/boot-test/debs"
  cp "$work"/packages/*.deb "$work/boot-test/debs/"
fi
rm -f "$work"/boot-test/debs/*-dbgsym_*.deb

cache=${XDG_CACHE_HOME:-$HOME/.cache}/baton/boot-bookworm
"$here/rootfs.sh" "$cache" bookworm systemd,systemd-sysv,dbus,ca-certificates,curl,procps,mariadb-server > "$work/rootfs.log" 2>&1 || { tail -n 20 "$work/rootfs.log"; exit 1; }
rm -rf "$machine"
cp -a --reflink=auto "$cache" "$machine"
install -m 755 "$here/inside.sh" "$work/boot-test/inside.sh"
rm -f "$work"/boot-test/{verdict,failures,facts}
mkdir -p "$machine/boot-test"
cat > "$machine/etc/systemd/system/boot-test.service" << 'END'
[Unit]
After=multi-user.target mariadb.service
[Service]
Type=oneshot
ExecStart=/boot-test/inside.sh
ExecStopPost=/bin/systemctl poweroff --no-block
TimeoutStartSec=900
[Install]
WantedBy=default.target
END
ln -sf ../boot-test.service "$machine/etc/systemd/system/default.target.wants/boot-test.service" 2> /dev/null || {
  mkdir -p "$machine/etc/systemd/system/graphical.target.wants"
  ln -sf ../boot-test.service "$machine/etc/systemd/system/graphical.target.wants/boot-test.service"
}
timeout 1000 systemd-nspawn -q -b -D "$machine" --register=no --keep-unit --link-journal=no --bind="$work/boot-test:/boot-test" > "$work/console" 2>&1 < /dev/null || true
if [[ ! -s "$work/boot-test/inside.log" ]]; then
  if grep -q 'Operation not permitted\|Failed to mount\|not supported' "$work/console"; then skip "systemd-nspawn: $(tail -n 1 "$work/console")"; fi
  tail -n 30 "$work/console"
  echo "FAILED: the machine did not boot"
  exit 1
fi
cat "$work/boot-test/facts" "$work/boot-test/failures" 2> /dev/null || true
if [[ "$(cat "$work/boot-test/verdict" 2> /dev/null)" != 0 ]]; then
  tail -n 60 "$work/boot-test/inside.log"
  exit 1
fi
echo "a fleet of three was installed, reloaded, killed, upgraded, stopped and purged: no tick lost, none doubled"
