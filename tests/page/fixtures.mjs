// A cluster as the admin API tells of it: three instances of which one is gone, jobs that fail, are paused, are slow, and one with a hostile name.
const second = 1000;
const minute = 60 * second;

export const hostile = `"><img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>\u202E' & ${'long'.repeat(20)}`;

const text_of = t => new Date(t).toISOString().replace('Z', '000Z');

function run(job, tick, more = {}) {
  const at = text_of(tick);
  const kind = more.kind ?? 'schedule';
  const length = more.length ?? 400;
  const is_ended = (more.state ?? 'finished') === 'finished';
  const row = {
    run: `${job}@${at}${kind === 'schedule' ? '' : '#' + kind}`, job, tick: at, kind, state: 'finished', outcome: is_ended ? 'success' : 'none', reason: 'none',
    attempt: 1, fence: Math.floor(tick / second) % 100000, instance: 'east-1', lock_name: job, ticks: 1, cancel: false,
    claimed: text_of(tick + 12), started: text_of(tick + 19), ...(is_ended ? {finished: text_of(tick + 19 + length)} : {}), error: '', output: '', ...more,
  };
  delete row.length;
  return row;
}

function runs_of(now) {
  const runs = [];
  const names = ['east-1', 'east-2', 'west-1'];
  for (let i = 1; i <= 110; ++i) {
    const gone = i < 30;
    runs.push(run('pulse', now - i * 8 * second, {instance: names[(i * 7) % (gone ? 2 : 3)], length: 900 + (i * 137) % 1500}));
  }
  for (let i = 1; i <= 12; ++i) {
    const failed = i <= 3;
    runs.push(run('import-orders', now - i * 70 * second, {
      instance: names[i % 2], length: 4000 + i * 300, outcome: failed ? 'failure' : 'success', attempt: failed ? 3 : 1,
      error: failed ? 'exit code 3: could not reach orders.internal:5432\nconnection refused' : '', output: failed ? 'connecting…\nretrying\ngiving up' : 'imported 1,204 rows',
    }));
  }
  runs.push(run('nightly-rollup', now - 95 * second, {state: 'running', outcome: 'none', instance: 'east-2'}));
  runs.push(run('backup', now - 4 * minute, {instance: 'west-1', length: 42 * second, outcome: 'crashed', error: 'its instance went away'}));
  runs.push(run('backup', now - 4 * minute + 43 * second, {instance: 'east-1', length: 30 * second, kind: 'trigger'}));
  runs.push(run('backup', now - 12 * minute, {instance: 'east-1', length: 22 * second, outcome: 'lock_lost', error: 'the lock session was ended by the server'}));
  runs.push(run('thumbnails', now - 6 * minute, {instance: 'east-2', length: minute, outcome: 'timeout'}));
  runs.push(run('thumbnails', now - 2 * minute, {instance: 'east-2', length: 9 * second, outcome: 'cancelled'}));
  runs.push(run('thumbnails', now - 9 * minute, {state: 'skipped', outcome: 'none', reason: 'overlap', instance: ''}));
  runs.push(run(hostile, now - 3 * minute, {instance: '<b>east-1</b>', outcome: 'failure', error: '<img src=x onerror="globalThis.hacked=1">', output: '</pre><script>globalThis.hacked=1</script>'}));
  return runs.sort((a, b) => (a.tick < b.tick ? 1 : -1));
}

function job(name, more, runs, now) {
  const own = runs.filter(r => r.job === name);
  const ended = own.find(r => r.state === 'finished');
  return {
    job: name, description: '', schedule: '0 2 * * *', schedule_words: 'at 02:00', timezone: 'UTC', plugin: 'exec', lock_name: name, tags: [], priority: 0, election: 'per_run', enabled: true, paused: false,
    known_here: true, running: own.some(r => r.state === 'running'), failing: Boolean(ended && ended.outcome !== 'success' && ended.outcome !== 'cancelled'), next_tick: text_of(now + 5 * 3600 * second),
    last_run: own[0] ?? null, last_success: own.find(r => r.outcome === 'success')?.finished ?? null, file: '/etc/baton/jobs.d/billing.yaml', line: 12, ...more,
  };
}

function jobs_of(runs, now) {
  const all = [
    job('pulse', {description: 'tells the monitor that the fleet is there', schedule: '{every: 8s}', schedule_words: 'every 8 s', plugin: 'http', next_tick: text_of(now + 8 * second)}, runs, now),
    job('import-orders', {description: 'fetches the orders of the last minute', schedule: '{every: 70s}', schedule_words: 'every 1 min 10 s', next_tick: text_of(now + 41 * second), tags: ['orders', 'external']}, runs, now),
    job('nightly-rollup', {description: 'adds up yesterday', timezone: 'Europe/Berlin', tags: ['reporting'], line: 31}, runs, now),
    job('backup', {schedule: '*/8 * * * *', schedule_words: 'every 8 minutes', next_tick: text_of(now + 3 * minute), line: 44}, runs, now),
    job('thumbnails', {paused: true, schedule: '*/4 * * * *', schedule_words: 'every 4 minutes', next_tick: text_of(now + 2 * minute), lock_name: 'images', line: 58}, runs, now),
    job('yearly-report', {schedule: '0 6 2 1 *', schedule_words: 'at 06:00 on the 2nd of January', next_tick: text_of(now + 37 * 24 * 3600 * second), plugin: 'sql', line: 70}, runs, now),
    job('cleanup', {schedule: '', schedule_words: '', next_tick: null, enabled: false, line: 81}, runs, now),
    job(hostile, {description: '<h1>no heading</h1>', plugin: '<i>exec</i>', schedule_words: '<b>always</b>', tags: ['<u>tag</u>'], file: '/etc/<s>baton</s>.yaml'}, runs, now),
  ];
  return Object.fromEntries(all.map(j => [j.job, j]));
}

function instance(label, now, more) {
  return {
    instance: label, incarnation: Buffer.from(label.padEnd(16, '.')).toString('hex'), version: '0.1.0', config_hash: '4f1c9a7be02d6631', tzdata: '2026b', started: text_of(now - 7 * 3600 * second),
    heartbeat: text_of(now - 1500), alive: true, here: false, clock_offset: null, drift: false, ...more,
  };
}

const bounds = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30];
function slots_of(now) {
  const slots = [];
  for (let i = 0; i < 55; ++i) {
    const slow = i > 20 && i < 26;
    slots.push({at: text_of(Math.floor((now - i * minute) / minute) * minute), counts: [0, (i * 5) % 7, 14 + (i * 11) % 23, 9 + (i * 7) % 11, slow ? 12 : i % 3, slow ? 9 : 0, slow ? 4 : 0, slow ? 1 : 0, 0, 0, 0, 0, 0]});
  }
  return slots;
}

/// Everything the API knows, as it stands at `now`.
export function cluster_at(now) {
  const runs = runs_of(now);
  const attempts = [];
  for (let i = 110; i >= 1; --i) {
    const at = text_of(now - i * 8 * second + 15);
    attempts.push({at, job: 'pulse', tick: text_of(now - i * 8 * second), outcome: ['acquired', 'busy', 'duplicate_tick', 'busy'][(i * 7) % 4], seconds: 0.0012});
  }
  return {
    jobs: jobs_of(runs, now), runs,
    locks: [
      {lock_name: 'nightly-rollup', jobs: ['nightly-rollup'], held: true, fence: 118, holder: {instance: 'east-2', incarnation: 'e2', run: runs.find(r => r.job === 'nightly-rollup').run, since: text_of(now - 95 * second)}},
      {lock_name: 'pulse', jobs: ['pulse'], held: false, fence: 41877, holder: null},
      {lock_name: 'backup', jobs: ['backup'], held: false, fence: 412, holder: null},
      {lock_name: 'images', jobs: ['thumbnails'], held: false, fence: 96, holder: null},
      {lock_name: 'import-orders', jobs: ['import-orders'], held: false, fence: 5120, holder: null},
      {lock_name: hostile, jobs: [hostile], held: false, fence: null, holder: null},
    ],
    attempts, lost: [{at: text_of(now - 12 * minute + 22 * second), job: 'backup', reason: 'connection'}], latency: {step: 60, bounds, slots: slots_of(now)},
    instances: [
      instance('east-1', now, {here: true, clock_offset: -0.0023}),
      instance('east-2', now, {drift: true, config_hash: '90b7c2d1f3385aa0', started: text_of(now - 4 * minute)}),
      instance('west-1', now, {alive: false, heartbeat: text_of(now - 3 * minute - 18 * second)}),
    ],
    health: {live: true, ready: true, reasons: []}, slots: {busy: 1, free: 15}, store: {url: 'mysql://baton@db1:3306,db2:3306/baton', up: true},
  };
}

/// The head of every answer.
export const head_at = now => ({cluster: 'billing', instance: 'east-1', incarnation: 'a1b2c3', now: text_of(now), as_of: text_of(now - 700), stale: false, reason: null});

export function detail_of(found, now) {
  return {
    job: found, next_ticks: [1, 2, 3, 4, 5].map(i => ({tick: text_of(now + i * 3600 * second), offset: i < 3 ? '+02:00' : '+01:00', note: i === 3 ? 'repeated' : ''})),
    latency: {bounds, counts: found.last_run ? [0, 2, 31, 14, 3, 1, 0, 0, 0, 0, 0, 0, 0] : []}, plugin: {name: found.plugin, version: '1.0.0', abi: '1.0', build_id: '8d3f0a55c1b24e', file: '/usr/lib/baton/plugins/exec.so'},
    configuration: `plugin: exec\nwith:\n  command: [/usr/bin/rollup, --all]\n  password: '***'\nschedule: "${found.schedule}"\ntimeout: 2h\ndescription: "<script>globalThis.hacked=1</script>"\n`,
  };
}
