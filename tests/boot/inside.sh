#!/usr/bin/env bash
# Runs as a service in the booted machine: installs the packages of /boot-test/debs, runs a fleet of three through all that an operator
# does to it, and leaves its verdict in /boot-test/verdict. Nothing is judged by when it happened, only by what.
set -uo pipefail
exec > /boot-test/inside.log 2>&1
set -x
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 HOME=/root
failed=0
fail() { echo "FAILED: $*" | tee -a /boot-test/failures; failed=1; }
await() {  # await SECONDS WHAT COMMAND…
  local until=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if ((SECONDS > until)); then fail "waited in vain: $what"; return 1; fi
    sleep 0.2
  done
}
ticks_of() { cat /var/lib/baton/*/ticks 2> /dev/null | wc -l; }
more_ticks() { (($(ticks_of) >= $1)); }
runs_on() { [[ -n "$(cat "/var/lib/baton/$1/ticks" 2> /dev/null)" ]]; }
main_pid() { systemctl show -P MainPID "baton@$1"; }

# ---- installed
apt-get -q update
apt-get -q -y install --no-install-recommends /boot-test/debs/*.deb || fail "the packages cannot be installed"
systemctl is-enabled baton.service && fail "the installation enabled something"
id baton || fail "there is no user baton"
[[ "$(stat -c '%U:%G %a' /etc/baton)" == "root:baton 750" ]] || fail "/etc/baton: $(stat -c '%U:%G %a' /etc/baton)"
touch /etc/baton/other.yaml && sed -n '/^version/,$p' /usr/share/doc/baton/examples/config/smallest.yaml > /etc/baton/other.yaml
baton check -c /etc/baton/other.yaml || fail "the smallest example"
rm /etc/baton/other.yaml

# ---- a database with the least grants, no password: the socket knows who it is
await 60 "MariaDB" mariadb -e 'SELECT 1'
sed -e "s/'baton'@'%'/'baton'@'localhost'/g" -e "s/IDENTIFIED BY 'choose-a-password'/IDENTIFIED VIA unix_socket/" /usr/share/doc/baton/examples/grants.sql | mariadb || fail "grants.sql"

# ---- three instances
cat > /usr/local/bin/tick << 'END'
#!/bin/sh
echo "$BATON_JOB $BATON_TICK $BATON_RUN_ID" >> "$STATE_DIRECTORY_OF_INSTANCE/ticks"
END
chmod 755 /usr/local/bin/tick
port=9700
for name in a b c; do
  port=$((port + 1))
  cat > "/etc/baton/$name.yaml" << END
version: 1
cluster: boot
instance: $name
store:
  url: mysql://baton@localhost/baton?socket=/run/mysqld/mysqld.sock
  lease: {probe: 500ms, probe_timeout: 1s, wait_timeout: 4s, margin: 1500ms, stop: 500ms}
http: {listen: 127.0.0.1:$port}
jobs:
END
  for job in one two three; do
    cat >> "/etc/baton/$name.yaml" << END
  $job:
    plugin: exec
    with: {command: [/usr/local/bin/tick], environment: {STATE_DIRECTORY_OF_INSTANCE: /var/lib/baton/$name}}
    schedule: {every: 1s}
    catch_up: {policy: all, window: 10m, limit: 1000}
END
  done
done
chgrp baton /etc/baton/*.yaml
chmod 640 /etc/baton/*.yaml
begun=$(date -u +%Y-%m-%dT%H:%M:%SZ)
systemctl enable --now baton@a baton@b baton@c || fail "start: $(systemctl status 'baton@*')"
await 30 "the first ticks" more_ticks 9
for name in a b c; do await 60 "a tick on $name" runs_on $name; done
curl -fsS http://127.0.0.1:9701/readyz || fail "readyz"

# ---- reload
systemctl reload baton@a || fail "reload of a good file"
cp /etc/baton/a.yaml /tmp/a.yaml
sed -i 's/every: 1s/every: 1x/' /etc/baton/a.yaml
if systemctl reload baton@a; then fail "reload of a bad file succeeded"; fi
journalctl -u baton@a --since "$begun" 2>&1 | grep -q '1x' || journalctl -u baton@a | grep -q '1x' || fail "the journal does not say why the reload failed"
systemctl is-active baton@a || fail "a bad reload ended the instance"
cat /tmp/a.yaml > /etc/baton/a.yaml
systemctl reload baton@a || fail "reload after a bad one"

# ---- kill -9
before=$(main_pid b)
kill -9 "$before"
restarted() { local now; now=$(main_pid "$1"); [[ "$now" != 0 && "$now" != "$2" ]] && systemctl is-active -q "baton@$1"; }
await 30 "b again after kill -9" restarted b "$before"

# ---- the watchdog: a stuck loop is restarted, a store that is away is not
stuck=$(main_pid c)
kill -STOP "$stuck"
await 90 "c again after it stood still" restarted c "$stuck"
pids="$(main_pid a) $(main_pid b) $(main_pid c)"
systemctl stop mariadb
sleep 45  # longer than the watchdog's 30 s: what must not happen cannot be waited for
[[ "$(main_pid a) $(main_pid b) $(main_pid c)" == "$pids" ]] || fail "an instance was restarted because the store is away"
systemctl start mariadb
now=$(ticks_of)
await 60 "ticks after the store's return" more_ticks $((now + 20))

# ---- an upgrade under load
version=$(dpkg-query -W -f='${Version}' baton)
mkdir /tmp/new
for deb in /boot-test/debs/*.deb; do
  dpkg-deb -R "$deb" /tmp/unpacked
  sed -i -e "s/^Version: .*/&+1/" -e "s/(= $version)/(= $version+1)/" /tmp/unpacked/DEBIAN/control
  dpkg-deb -b /tmp/unpacked /tmp/new
  rm -r /tmp/unpacked
done
dpkg -i /tmp/new/*.deb || fail "the upgrade"
for name in a b c; do systemctl is-active "baton@$name" || fail "$name does not run after the upgrade"; done
[[ "$(main_pid a)" != "$(cut -d ' ' -f 1 <<< "$pids")" ]] || fail "a was not restarted by the upgrade"
now=$(ticks_of)
await 30 "ticks after the upgrade" more_ticks $((now + 20))

# ---- the journal
run=$(tail -n 1 /var/lib/baton/a/ticks | cut -d ' ' -f 3)
job=$(tail -n 1 /var/lib/baton/a/ticks | cut -d ' ' -f 1)
journalctl --sync
journalctl -o cat "JOB_NAME=$job" "RUN_ID=$run" | grep -q . || fail "journalctl JOB_NAME=$job RUN_ID=$run finds nothing"

# ---- stopped, and judged
systemctl stop baton@a baton@b baton@c
for name in a b c; do [[ "$(systemctl show -P Result "baton@$name")" == success ]] || fail "$name: $(systemctl show -P Result "baton@$name")"; done
pgrep -u baton && fail "processes are left"
ended=$(date -u +%Y-%m-%dT%H:%M:%SZ)
from=$(date -u -d "$begun + 5 seconds" +%Y-%m-%dT%H:%M:%SZ)
until=$(date -u -d "$ended - 3 seconds" +%Y-%m-%dT%H:%M:%SZ)
runuser -u baton -- baton verify -c /etc/baton/a.yaml --from "$from" --to "$until" --late 10m > /boot-test/verify 2>&1 || fail "verify: $(head -5 /boot-test/verify)"
doubled=$(cat /var/lib/baton/*/ticks | cut -d ' ' -f 1,2 | sort | uniq -d)
[[ -z "$doubled" ]] || fail "ticks that ran twice: $doubled"
echo "$(ticks_of) ticks ran" > /boot-test/facts

# ---- gone
apt-get -q -y purge baton baton-plugins libbaton-dev || fail "purge"
left=$(find / -xdev -path /boot-test -prune -o -path /proc -prune -o -path /tmp -prune -o -path /var/lib/mysql -prune -o -path /usr/local -prune -o -path /var/cache -prune \
  -o -name '*baton*' -print | grep -v '^/var/log/\|^/etc/systemd/system/multi-user.target.wants$')
[[ -z "$left" ]] || fail "left behind: $left"

echo "$failed" > /boot-test/verdict
