// What the fleet of the page's tests runs: a quick job, a slow one, one that fails, a paused one, and one that is only triggered.
export const markup = '<img src=x onerror=alert(1)>';

export const jobs = `  pulse:
    description: tells the monitor that the fleet is there
    plugin: exec
    with: {command: [/bin/sleep, "0.4"]}
    schedule: {every: 2s}
  send-invoices:
    description: every tenth of a minute, takes its time
    plugin: exec
    with: {command: [/bin/sleep, "3.5"]}
    schedule: {every: 6s}
    tags: [billing]
  import-orders:
    description: "fetches what came in ${markup}"
    plugin: exec
    with: {command: [/bin/sh, -c, "echo 'asking orders.internal ${markup}'; echo 'connection refused ${markup}' >&2; exit 3"]}
    schedule: {every: 5s}
  thumbnails:
    plugin: exec
    with: {command: [/bin/true]}
    schedule: "*/2 * * * *"
    timezone: Europe/Berlin
    paused: true
  nightly-rollup:
    description: adds up yesterday
    plugin: exec
    with: {command: [/bin/sleep, "90"]}
    schedule: "30 2 * * *"
    timezone: Europe/Berlin
    grace: 1s
    tags: [reporting]
`;
