// The status page of an instance. Whatever comes from the server is shown by text nodes and attributes, never as markup.
'use strict';

// ---- what is known

const db = {head: {}, jobs: new Map(), runs: new Map(), locks: new Map(), instances: new Map(), attempts: [], lost: [], detail: null};
const ui = {filter: '', chip: 'all', rows: 200, span: 900, heat: 3600, picked: null, utc: true};
const link = {open: false, answered: 0, offset: 0, loaded: false, problem: ''};
let token = '';  // in memory alone: gone with the page

const $ = selector => document.querySelector(selector);
const clock = () => Date.now() + link.offset;  // the instance's clock, not this machine's
const sum = counts => counts.reduce((a, b) => a + b, 0);
const ms = instant => Date.parse(instant);
const newest_first = (a, b) => (a.tick < b.tick ? 1 : a.tick > b.tick ? -1 : 0);
const by = key => (a, b) => String(a[key]).localeCompare(String(b[key]), 'en', {numeric: true});
const all = name => [...db[name].values()];
const sorted_runs = () => all('runs').sort(newest_first);
const runs_kept = 6000;

function take_head(data) {
  const {cluster, instance, incarnation, as_of, stale, reason, now} = data;
  db.head = {cluster, instance, incarnation, as_of, stale, reason};
  link.offset = ms(now) - Date.now();
  link.answered = Date.now();
}

async function get(path) {
  const answer = await fetch('/api/v1/' + path, {cache: 'no-store', signal: AbortSignal.timeout(10000)});
  const data = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(message_of(data, answer.status)), {status: answer.status, data});
  take_head(data);
  return data;
}

function message_of(data, status) {
  const error = data && typeof data.error === 'object' ? data.error : data;
  return (error && error.message) || 'the instance answered with ' + status;
}

function replace(map, rows, key) {
  map.clear();
  for (const row of rows) map.set(row[key], row);
}

function take_instances({instances, health, slots, store}) {
  replace(db.instances, instances, 'incarnation');
  Object.assign(db, {health, slots, store});
}

let early = null;  // events that came while everything was being fetched: newer than what is fetched
async function load() {
  if (early) return;
  early = [];
  try {
    const [jobs, runs, locks, instances] = await Promise.all([get('jobs'), get('runs?limit=1000'), get('locks'), get('instances')]);
    replace(db.jobs, jobs.jobs, 'job');
    for (const run of runs.runs) db.runs.set(run.run, run);
    db.cursor ??= runs.next;
    replace(db.locks, locks.locks, 'lock_name');
    const {attempts, lost, latency} = locks;
    Object.assign(db, {attempts, lost, latency});
    take_instances(instances);
    Object.assign(link, {loaded: true, problem: ''});
  } catch (error) {
    link.problem = error.status ? error.message : '';
  }
  const events = early;
  early = null;
  events.forEach(apply);
  load_detail();
  draw();
}

/// More of the past, until the timeline's window is covered.
async function load_past(from) {
  if (load_past.busy || !db.cursor) return;
  load_past.busy = true;
  try {
    for (let page = 0; page < 4 && db.cursor && db.runs.size < runs_kept && sorted_runs().at(-1).tick > from; ++page) {
      const data = await get('runs?limit=1000&after=' + encodeURIComponent(db.cursor));
      for (const run of data.runs) if (!db.runs.has(run.run)) db.runs.set(run.run, run);
      db.cursor = data.next;
    }
  } catch { /* the next try is the next change of the window */ }
  load_past.busy = false;
  draw();
}

async function load_detail() {
  const [view, name] = route();
  if (view !== 'job') return;
  try {
    db.detail = {...await get('jobs/' + encodeURIComponent(name)), name};
  } catch (error) {
    if (error.status) db.detail = {name, error: error.message, suggestion: error.data.suggestion};
  }
  draw();
}

const tables = {run: [db.runs, 'run'], job: [db.jobs, 'job'], instance: [db.instances, 'incarnation'], lock: [db.locks, 'lock_name']};
function apply([kind, data]) {
  const [map, key] = tables[kind] || [];
  if (map) map.set(data[key], data);
  else if (kind === 'attempt') db.attempts = [...db.attempts, data].slice(-500);
  else if (kind === 'lost') db.lost = [...db.lost, data].slice(-100);
  else db.health = data;
  if (db.runs.size > runs_kept + 500) {
    for (const run of sorted_runs().slice(runs_kept)) db.runs.delete(run.run);
    db.cursor = null;
  }
}

let source = null;
function connect() {
  if (source) source.close();
  source = new EventSource('/api/v1/events');
  for (const kind of ['hello', 'reset', ...Object.keys(tables), 'attempt', 'lost', 'health']) source.addEventListener(kind, event => hear(kind, event));
  source.onerror = () => {
    link.open = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    draw();
  };
}

function hear(kind, event) {
  let data = {};
  try { data = JSON.parse(event.data); } catch { /* reset may carry nothing */ }
  link.answered = Date.now();
  link.open = true;
  if (kind === 'hello') take_head(data);
  if (kind === 'hello' || kind === 'reset') return void load();
  if (early) early.push([kind, data]); else apply([kind, data]);
  if ((data.job || '') === route()[1] && (kind === 'run' || kind === 'job')) later('detail', load_detail, 800);
  draw();
}

const timers = {};
function later(name, what, delay) { timers[name] ??= setTimeout(() => { timers[name] = null; what(); }, delay); }

let seconds = 0;
function every_second() {
  ++seconds;
  for (const node of document.querySelectorAll('[data-in], [data-ago], [data-for]')) {
    const {in: next, ago, for: begun} = node.dataset;
    const text = next ? until(next) : ago ? before(ago) : span_of(since(begun));
    if (node.textContent !== text) node.textContent = text;
  }
  draw_head();
  if (document.hidden) return;
  if (route()[0] === 'timeline' && seconds % 2 === 0) draw();
  if (seconds % 60 === 0 || (!link.open && seconds % 5 === 0)) return void load();
  if (link.open && seconds % 10 === 0) get('instances').then(take_instances).then(draw, () => { link.open = false; connect(); });
}

// ---- words

function span_of(s) {
  s = Math.max(0, s);
  if (s < 1) return +(s * 1000).toFixed(s < 0.01 ? 1 : 0) + ' ms';
  if (s < 60) return (s < 10 ? +s.toFixed(1) : Math.floor(s)) + ' s';
  const [size, unit, part, parts] = s < 3600 ? [60, 'min', 1, 's'] : s < 86400 ? [3600, 'h', 60, 'min'] : [86400, 'd', 3600, 'h'];
  const rest = Math.floor(s % size / part);
  return Math.floor(s / size) + ' ' + unit + (rest ? ' ' + rest + ' ' + parts : '');
}
const since = instant => (clock() - ms(instant)) / 1000;
const before = instant => { const s = since(instant); return s < 1 ? 'now' : (s < 60 ? Math.floor(s) + ' s' : span_of(s).split(' ', 2).join(' ')) + ' ago'; };
const until = instant => { const s = Math.ceil(-since(instant)); return s <= 0 ? 'due now' : 'in ' + (s < 60 ? s + ' s' : span_of(s)); };
const count_of = (n, one, many = one + 's') => n.toLocaleString('en') + ' ' + (n === 1 ? one : many);

function clock_text(t, with_seconds = true) {
  const [d, today] = [t, clock()].map(x => new Date(x - (ui.utc ? 0 : new Date(x).getTimezoneOffset() * 60000)).toISOString());
  const time = d.slice(11, with_seconds ? 19 : 16), month = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')[d.slice(5, 7) - 1];
  if (d.slice(0, 10) === today.slice(0, 10)) return time;
  return +d.slice(8, 10) + ' ' + month + (d.slice(0, 4) === today.slice(0, 4) ? ' ' : ' ' + d.slice(0, 4) + ' ') + time;
}

const capital = word => word[0].toUpperCase() + word.slice(1);
const plain = code => String(code).replaceAll('_', ' ');
const tones = {success: 'ok', failure: 'bad', timeout: 'bad', crashed: 'bad', lock_lost: 'bad', running: 'run', retry_due: 'warn', missed: 'warn'};
const word_of = run => (run.state === 'finished' ? run.outcome : run.state);
const said = run => (word_of(run) === 'pending' ? 'waiting' : plain(word_of(run)));
const tone_of = run => tones[word_of(run)] || 'off';
const begin_of = run => run.started || run.claimed;
const is_open = run => ['running', 'pending', 'retry_due'].includes(run.state);
function took(run) {
  if (run.state === 'running' && begin_of(run)) return lasting(begin_of(run));
  return begin_of(run) && run.finished ? span_of((ms(run.finished) - ms(begin_of(run))) / 1000) : '';
}
function note_of(run) {
  const words = [];
  if (run.reason && run.reason !== 'none') words.push(plain(run.reason));
  if (run.until) words.push(count_of(run.ticks, 'tick') + ' until ' + clock_text(ms(run.until)));
  if (run.retry_at && run.state === 'retry_due') words.push('again at ' + clock_text(ms(run.retry_at)));
  if (run.cancel && is_open(run)) words.push('its end was asked for');
  if (run.error) words.push(run.error.split('\n')[0]);
  return words.join('; ');
}

// ---- nodes

function fill(node, attributes, kids) {
  for (const [name, value] of Object.entries(attributes)) if (value != null && value !== false) node.setAttribute(name, value === true ? '' : value);
  for (const kid of kids.flat(9)) if (kid != null && kid !== false && kid !== '') node.append(kid);
  return node;
}
/// make(maker)('tag.class', {attribute: …}, children…); attributes may be left out.
const make = maker => (what, first, ...kids) => {
  const [tag, ...classes] = what.split('.'), node = maker(tag), is_plain = first && first.constructor === Object;
  if (classes.length) node.setAttribute('class', classes.join(' '));
  return fill(node, is_plain ? first : {}, is_plain ? kids : [first, ...kids]);
};
const h = make(tag => document.createElement(tag));
const s = make(tag => document.createElementNS('http://www.w3.org/2000/svg', tag));

const key_of = node => (node.nodeType === 1 ? node.getAttribute('data-key') : null);
/// Makes `from` look like `to` with as few changes as it takes, so that focus, selection and opened details stay.
function morph(from, to) {
  if (from.nodeName !== to.nodeName || key_of(from) !== key_of(to)) return void from.replaceWith(to);
  if (from.nodeType !== 1) { if (from.data !== to.data) from.data = to.data; return; }
  for (const {name} of [...from.attributes]) if (name !== 'open' && !to.hasAttribute(name)) from.removeAttribute(name);
  for (const {name, value} of [...to.attributes]) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  morph_children(from, [...to.childNodes]);
}
function morph_children(from, wanted) {
  const kept = new Set(wanted.map(key_of));
  const keyed = new Map();
  for (const node of [...from.childNodes]) {
    const key = key_of(node);
    if (key == null) continue;
    if (kept.has(key)) keyed.set(key, node); else node.remove();
  }
  let at = from.firstChild;
  for (const want of wanted) {
    const key = key_of(want);
    const have = key != null ? keyed.get(key) : at && key_of(at) == null ? at : null;
    if (!have) { from.insertBefore(want, at); continue; }
    if (have === at) at = at.nextSibling; else from.insertBefore(have, at);
    morph(have, want);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

const shapes = {
  ok: 'M2.5 6.5 5 9l4.5-6', bad: 'M3 3l6 6M9 3 3 9', warn: 'M6 2.2v4.6M6 9.6v.2', run: 'M10 6a4 4 0 1 1-4-4', off: 'M3 6h6', pause: 'M4.2 2.8v6.4M7.8 2.8v6.4', lock: 'M3 5.5h6v4H3zM4.3 5.5V4a1.7 1.7 0 0 1 3.4 0v1.5',
};
const badge = (tone, text, shape = tone) => h('span', {class: 'badge ' + tone}, s('svg.' + shape, {viewBox: '0 0 12 12', 'aria-hidden': 'true'}, s('path', {d: shapes[shape]})), text);
const verdict = (is_good, yes, no) => (is_good ? badge('ok', yes) : badge('bad', no));
const run_badge = run => badge(tone_of(run), said(run));
const time = (instant, text, live) => instant && h('time', {datetime: instant, title: instant.replace('T', ' ').replace('Z', ' UTC'), ...live && {['data-' + live]: instant}}, text(instant));
const stamp = instant => time(instant, i => clock_text(ms(i)));
const ago = instant => time(instant, before, 'ago');
const lasting = begun => h('span', {'data-for': begun}, span_of(since(begun)));
const ahead = instant => time(instant, until, 'in');
const named = text => h('bdi', text);
const tick_of = run => clock_text(ms(run.slice(run.lastIndexOf('@') + 1).split('#')[0]));
const job_url = name => '#/jobs/' + encodeURIComponent(name);
const path = text => h('code', text.split('/').map((part, i) => [i > 0 && '/', i > 0 && h('wbr'), part]));
const job_link = name => h('a.name', {href: job_url(name)}, named(name));
const card = (title, extra, ...kids) => h('section.card', {'aria-label': title}, h('div.row.spread', h('h2', title), extra), kids);
const button = (what, text, more) => h('button', {type: 'button', 'data-do': what, ...more}, text);
const empty = text => h('p.empty', text);
const chips = (label, name, options) => h('div.chips', {role: 'group', 'aria-label': label}, options.map(([value, text]) =>
  button('set', text, {'data-name': name, 'data-value': value, 'aria-pressed': String(ui[name] === value)})));
const filter_box = label => h('label.filter', h('span.hide', label),
  h('input', {id: 'filter', type: 'search', placeholder: label + '  ( / )', autocomplete: 'off', spellcheck: 'false', value: ui.filter}));
const matches = (...texts) => { const f = ui.filter.trim().toLowerCase(); return !f || texts.some(t => String(t || '').toLowerCase().includes(f)); };

/// A heading that begins with '>' is of numbers; the first one is the head of a row's card on a narrow screen.
function table(caption, heads, rows, none = 'No runs yet.') {
  if (!rows.length) return h('p.empty.row', none);
  const label = head => head.replace('>', '');
  const cell = (content, i) => h('td', {role: 'cell', 'data-label': label(heads[i]),
    class: [i === 0 ? 'head' : '', heads[i][0] === '>' ? 'num' : '', content == null || content === '' ? 'none' : ''].join(' ').trim() || null}, content);
  return h('table', {role: 'table'}, h('caption.hide', caption),
    h('thead', h('tr', {role: 'row'}, heads.map(head => h('th', {scope: 'col', role: 'columnheader', class: head[0] === '>' && 'num'}, label(head))))),
    h('tbody', rows.map(([key, ...cells]) => h('tr', {role: 'row', 'data-key': key}, cells.map(cell)))));
}

// ---- views

function job_badges(job) {
  const found = [job.failing && badge('bad', 'failing'), job.paused && badge('warn', 'paused', 'pause'), job.running && badge('run', 'running'),
    !job.enabled && badge('off', 'disabled'), !job.known_here && badge('off', 'not configured here')];
  return h('span.chips', found.some(Boolean) ? found : job.last_run ? badge('ok', 'ok') : badge('off', 'no run yet'));
}
const schedule_of = job => job.schedule_words || job.schedule || 'by trigger alone';

/// Runs under one lock name at once on two instances: what must never be seen.
function overlaps() {
  const found = [], last = new Map();
  const runs = all('runs').filter(run => begin_of(run) && run.lock_name && (run.finished || run.state === 'running'));
  for (const run of runs.sort((a, b) => (begin_of(a) < begin_of(b) ? -1 : 1))) {
    const other = last.get(run.lock_name), end = run.finished ? ms(run.finished) : clock();
    if (other && other.run.instance !== run.instance && ms(begin_of(run)) < other.end - 250) found.push([other.run, run]);
    if (!other || end > other.end) last.set(run.lock_name, {run, end});
  }
  return found;
}

function troubles() {
  const list = [], add = (key, mark, title, text, at) => list.push({key, mark, title, text, at});
  for (const [a, b] of overlaps()) add('o' + a.run + b.run, badge('bad', 'overlap'), job_link(b.job), `ran on ${a.instance} and ${b.instance} at once under the lock ${b.lock_name}`, b.started);
  if (db.health && !db.health.ready) for (const reason of db.health.reasons) add('h' + reason, badge('bad', 'not ready'), named(db.head.instance), reason);
  const instances = all('instances'), alive = new Set(instances.filter(i => i.alive).map(i => i.instance));
  for (const i of instances) {
    if (!i.alive && !alive.has(i.instance) && since(i.heartbeat) < 900) add('i' + i.incarnation, badge('bad', 'gone'), h('a.name', {href: '#/instances'}, named(i.instance)), 'its heartbeat stopped', i.heartbeat);
    if (i.alive && i.drift) add('d' + i.incarnation, badge('warn', 'drift'), h('a.name', {href: '#/instances'}, named(i.instance)), 'has another configuration than ' + db.head.instance);
  }
  const ended = sorted_runs().filter(r => r.state === 'finished');
  for (const job of all('jobs').filter(j => j.failing).sort(by('job'))) {
    const run = job.last_run && !is_open(job.last_run) ? job.last_run : ended.find(r => r.job === job.job) || {};
    add('f' + job.job, run.run ? run_badge(run) : badge('bad', 'failing'), job_link(job.job), (note_of(run) || 'its last run did not succeed') + (job.last_success ? '' : '; it has never succeeded'), run.finished || run.tick);
  }
  for (const lost of db.lost.filter(l => since(l.at) < 3600).slice(-5)) add('l' + lost.at + lost.job, badge('bad', 'lock lost'), job_link(lost.job), 'on ' + db.head.instance + ': ' + plain(lost.reason), lost.at);
  return list.sort((a, b) => b.mark.classList.contains('bad') - a.mark.classList.contains('bad'));
}

function overview() {
  const jobs = all('jobs'), instances = all('instances'), list = troubles();
  const failing = jobs.filter(j => j.failing).length, paused = jobs.filter(j => j.paused), running = all('runs').filter(r => r.state === 'running').length;
  const alive = instances.filter(i => i.alive).length, gone = list.some(t => t.key[0] === 'i');
  const next = jobs.filter(j => j.next_tick && !j.paused && j.enabled).sort((a, b) => (a.next_tick < b.next_tick ? -1 : 1)).slice(0, 10);
  const stat = (term, value, more, tone) => h('div', {class: tone}, h('dt', term), h('dd', value, more && h('small', ' ' + more)));
  return [
    h('div.lead', h('h1', list.length ? count_of(list.length, 'thing needs', 'things need') + ' attention' : 'All is well'),
      h('p', count_of(alive, 'instance') + ' alive, ' + count_of(jobs.length, 'job') + (paused.length ? ', ' + paused.length + ' paused' : '') + '.')),
    h('dl.stats',
      stat('instances alive', alive, null, gone && 'warn'), stat('jobs', jobs.length), stat('failing', failing, null, failing && 'bad'),
      stat('paused', paused.length, null, paused.length && 'warn'), stat('running', running), db.slots && stat('slots busy here', db.slots.busy, 'of ' + (db.slots.busy + db.slots.free))),
    h('div.cols',
      h('div.stack',
        (list.length > 0 || paused.length > 0) && card('Needs attention', null, h('ul.list',
          list.map(t => h('li', {'data-key': t.key}, h('span.row', t.mark, t.title), h('small', ago(t.at)), h('span.wide.muted', t.text))),
          paused.sort(by('job')).map(job => h('li', {'data-key': 'p' + job.job}, h('span.row', badge('warn', 'paused', 'pause'), job_link(job.job)),
            h('small', job.last_run && ['ran ', ago(job.last_run.finished || job.last_run.tick)]), h('span.wide.muted', 'its ticks are skipped until it is resumed'))))),
        card('Recent runs', h('a.muted', {href: '#/timeline'}, 'timeline'), run_table(sorted_runs().filter(r => r.state !== 'skipped').slice(0, 12), 'The newest runs of all jobs'))),
      card('Next ticks', h('a.muted', {href: '#/jobs'}, 'all jobs'), next.length ? h('ul.list', {'aria-label': 'The next ticks'}, next.map(job =>
        h('li', {'data-key': job.job}, job_link(job.job), h('span.nowrap', ahead(job.next_tick)), h('small', schedule_of(job)), h('small.nowrap', stamp(job.next_tick))))) : empty('Nothing is due.'))),
  ];
}

function run_table(runs, caption) {
  return table(caption, ['Job', 'Result', 'Tick', 'Instance', '>Took'], runs.map(run => [run.run, job_link(run.job),
    [run_badge(run), note_of(run) && h('small', note_of(run))], stamp(run.tick), run.instance && named(run.instance), took(run)]));
}

function jobs() {
  const of_chip = {all: () => true, failing: j => j.failing, paused: j => j.paused, running: j => j.running};
  const known = all('jobs'), found = known.filter(of_chip[ui.chip]).filter(j => matches(j.job, j.description, j.plugin, j.lock_name, ...j.tags)).sort(by('job'));
  const chip = (value, text) => [value, text + ' ' + known.filter(of_chip[value]).length.toLocaleString('en')];
  return [
    h('h1', 'Jobs'),
    h('div.row.spread', chips('Show', 'chip', [chip('all', 'All'), chip('failing', 'Failing'), chip('paused', 'Paused'), chip('running', 'Running')]), filter_box('Filter by name, plugin, lock or tag')),
    h('div.card', table(count_of(found.length, 'job'), ['Job', 'State', 'Schedule', 'Next tick', 'Last run', 'Last success'], found.slice(0, ui.rows).map(job => [job.job,
        [job_link(job.job), job.description && h('small', job.description)], job_badges(job),
        [schedule_of(job), job.timezone && job.timezone !== 'UTC' && h('small', job.timezone)],
        job.paused ? h('span.muted', 'paused') : job.next_tick && [ahead(job.next_tick), h('small', stamp(job.next_tick))],
        job.last_run && [run_badge(job.last_run), h('small', ago(job.last_run.finished || begin_of(job.last_run) || job.last_run.tick), job.last_run.instance && [' on ', named(job.last_run.instance)])],
        ago(job.last_success)]), 'No job is like that.')),
    found.length > ui.rows && button('more', 'Show more of ' + found.length),
  ];
}

function job_view(name) {
  const detail = db.detail && db.detail.name === name ? db.detail : {};
  if (detail.error) return [h('h1', named(name)), h('p.muted', detail.error, detail.suggestion && [' Did you mean ', job_link(detail.suggestion), '?'])];
  const job = {...(detail.job || {}), ...(db.jobs.get(name) || {})};
  if (!job.job) return [h('h1', named(name)), h('p.muted', 'Loading…')];
  const runs = (detail.runs || []).map(run => db.runs.get(run.run) || run);
  const fresh = all('runs').filter(run => run.job === name && !runs.some(r => r.run === run.run));
  const shown = [...runs, ...fresh].sort(newest_first).slice(0, 50);
  const fact = (term, ...value) => value.flat().some(Boolean) && [h('dt', term), h('dd', value)];
  const plugin = detail.plugin;
  return [
    h('div.row.spread',
      h('div.lead', h('h1', named(name)), job_badges(job), job.description && h('p', job.description)),
      h('div.row', {role: 'group', 'aria-label': 'Change this job'}, button('trigger', 'Trigger…', {class: 'primary', 'data-job': name}), button(job.paused ? 'resume' : 'pause', job.paused ? 'Resume' : 'Pause', {'data-job': name}))),
    h('div.cols',
      h('div.stack',
        card('Runs', null, job_runs(shown)),
        detail.configuration && card('Configuration', job.file && h('code.muted', job.file + ':' + job.line),
          h('div.body', h('pre', {tabindex: '0', 'aria-label': 'Effective configuration'}, detail.configuration)))),
      h('div.stack',
        card('Next ticks', h('span.muted', job.timezone), (detail.next_ticks || []).length ? h('ul.list', detail.next_ticks.map(t =>
          h('li', {'data-key': t.tick}, h('span', stamp(t.tick), ' ', h('small', t.offset, t.note && ' ' + t.note)), job.paused ? h('small', 'paused') : ahead(t.tick)))) : empty('None.')),
        card('Job', null, h('div.body', h('dl.facts',
          fact('Schedule', schedule_of(job), job.schedule && job.schedule !== schedule_of(job) && [h('br'), h('code.muted', job.schedule)]),
          fact('Last success', ago(job.last_success) || 'never'), fact('Lock', h('code', job.lock_name)),
          fact('Plugin', named(job.plugin || ''), plugin && [' ' + plugin.version, h('br'), h('small.muted', 'ABI ' + plugin.abi + (plugin.build_id && ', build ' + plugin.build_id))]),
          fact('Library', plugin && path(plugin.file)), fact('Configured in', job.file && path(job.file + ':' + job.line)),
          fact('Priority', job.priority ? String(job.priority) : ''), fact('Tags', job.tags.flatMap(tag => [h('span.tag', tag), ' ']))))),
        detail.latency && card('Lock acquire latency', h('small.muted', 'on ' + db.head.instance), h('div.body', latency_bars(detail.latency))))),
  ];
}

function job_runs(runs) {
  return table('The newest runs of this job', ['Result', 'Tick', 'Instance', '>Late', '>Took', '>Attempt'], runs.map(run => [run.run,
    [run_badge(run), ' ', run.kind !== 'schedule' && h('span.tag', run.kind), is_open(run) && [' ', button('cancel', run.cancel ? 'Cancelling' : 'Cancel', {class: 'small', 'data-run': run.run, disabled: run.cancel})],
      note_of(run) && h('small', note_of(run)),
      (run.output || run.error.includes('\n')) && h('details', h('summary', 'output'), h('pre.wrap', {tabindex: '0'}, [run.error, run.output].filter(Boolean).join('\n')))],
    stamp(run.tick), run.instance && named(run.instance), begin_of(run) && run.kind === 'schedule' ? span_of((ms(begin_of(run)) - ms(run.tick)) / 1000) : '', took(run), String(run.attempt || '')]));
}

// ---- pictures

const fill_of = run => 'f-' + (word_of(run) === 'timeout' ? 'warn' : tone_of(run));
const is_hatched = run => ['timeout', 'crashed', 'lock_lost'].includes(word_of(run));
const told = run => [run.job, said(run), run.instance && 'on ' + run.instance, 'tick ' + clock_text(ms(run.tick)), note_of(run)].filter(Boolean).join(', ');
const hatching = () => s('defs', s('pattern', {id: 'hatch', width: 5, height: 5, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'}, s('path.hatch', {d: 'M0 0V5'})));
const cross = (x, y, title) => s('path.lost-lock', {d: `M${x - 4} ${y - 4}l8 8m0-8l-8 8`}, title && s('title', title));

const bucket_name = (bounds, i) => (i < bounds.length ? '≤ ' + span_of(bounds[i]) : '> ' + span_of(bounds.at(-1)));
function quantile(bounds, counts, share) {
  let left = sum(counts) * share;
  return bucket_name(bounds, counts.findIndex(n => (left -= n) <= 0));
}
const latency_words = (bounds, counts) => `${count_of(sum(counts), 'attempt')}, half of them ${quantile(bounds, counts, .5)}, 99 of 100 ${quantile(bounds, counts, .99)}`;
/// The buckets worth showing: those in use, with one on either side.
const used = counts => [Math.max(0, counts.findIndex(Boolean) - 1), Math.min(counts.length, counts.findLastIndex(Boolean) + 2)];

function latency_bars({bounds, counts}) {
  const [from, to] = used(counts), most = Math.max(0, ...counts), high = 17;
  if (!most) return h('p.muted', 'This instance has not tried to take this lock yet.');
  return s('svg.chart', {viewBox: `0 0 300 ${(to - from) * high}`, role: 'img', 'aria-label': latency_words(bounds, counts)}, counts.slice(from, to).map((n, i) => [
    s('text', {x: 62, y: i * high + 12, 'text-anchor': 'end'}, bucket_name(bounds, from + i)),
    n > 0 && [s('rect.bar-fill', {x: 70, y: i * high + 3, width: 2 + 185 * n / most, height: high - 6, rx: 2}), s('text', {x: 78 + 185 * n / most, y: i * high + 12}, n.toLocaleString('en'))]]));
}

const chart_width = () => { const w = $('#main').clientWidth; return Math.max(280, w - (w < 640 ? 34 : 40)); };

/// Runs of the window by instance, in rows so that none hides another.
function lanes_of(start, now) {
  const lanes = new Map();
  for (const i of all('instances').sort(by('instance'))) if (i.alive || ms(i.heartbeat) > start) lanes.set(i.instance, {name: i.instance, alive: i.alive || (lanes.get(i.instance) || {}).alive, rows: [], bars: []});
  const runs = all('runs').filter(r => r.instance && begin_of(r) && (r.finished || r.state === 'running') && matches(r.job, r.instance));
  for (const run of runs.sort((a, b) => (begin_of(a) < begin_of(b) ? -1 : 1))) {
    const from = ms(begin_of(run)), to = run.finished ? ms(run.finished) : now;
    if (to < start || from > now + 5000) continue;
    if (!lanes.has(run.instance)) lanes.set(run.instance, {name: run.instance, alive: false, rows: [], bars: []});
    const {rows, bars} = lanes.get(run.instance), room = (now - start) / 300;
    let row = rows.findIndex(end => end < from);
    if (row < 0) row = Math.min(rows.length, 7);
    rows[row] = Math.max(to, from + room);
    bars.push({run, from: Math.max(from, start), to, row});
  }
  return [...lanes.values()];
}

function timeline() {
  const now = clock(), start = now - ui.span * 1000;
  load_past(new Date(start).toISOString());
  const lanes = lanes_of(start, now), bars = lanes.flatMap(l => l.bars), picked = db.runs.get(ui.picked);
  const sample = (text, ...marks) => h('span', s('svg', {viewBox: '0 0 16 12', 'aria-hidden': 'true'}, marks), text);
  const box = (fill, hatched) => [s('rect', {class: fill, x: 1, y: 1.5, width: 14, height: 9, rx: 2}), hatched && s('rect', {fill: 'url(#hatch)', x: 1, y: 1.5, width: 14, height: 9, rx: 2})];
  return [
    h('h1', 'Timeline'),
    h('div.row.spread', chips('Window', 'span', [[300, '5 min'], [900, '15 min'], [3600, '1 h'], [21600, '6 h']]), filter_box('Filter by job or instance')),
    h('section.card', {'aria-label': 'Runs by instance'}, h('div.row', h('div.legend',
      sample('success', box('f-ok')), sample('failure', box('f-bad')), sample('timeout', box('f-warn', true)), sample('crashed', box('f-bad', true)), sample('cancelled', box('f-off')),
      sample('running', box('f-run')), sample('lost race, seen by ' + db.head.instance, s('circle.lost-race', {cx: 8, cy: 6, r: 3})), sample('lost lock', cross(8, 6)))),
    lanes.length ? timeline_svg(lanes, start, now) : empty('No instance is known yet.'),
    h('div.picked', {'aria-live': 'polite'}, picked ? [h('span.row', job_link(picked.job), run_badge(picked), picked.instance && named(picked.instance), h('span.muted', 'tick ', stamp(picked.tick), ', attempt ' + picked.attempt + ', took ', took(picked))),
      note_of(picked) && h('span.muted', note_of(picked))] : h('span.muted', bars.length ? 'Choose a bar, or move through them with the arrow keys.' : 'No run in this window.'))),
    card('Runs in this window', h('small.muted', bars.length > 20 ? 'the newest 20 of ' + bars.length : String(bars.length)), run_table(bars.map(b => b.run).sort(newest_first).slice(0, 20), 'Runs in this window')),
  ];
}

function timeline_svg(lanes, start, now) {
  const width = chart_width(), narrow = width < 560;
  const left = narrow ? 8 : 140, right = width - 14, x = t => left + (right - left) * (t - start) / (now - start);
  const step = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200].find(n => (now - start) / 1000 / n <= (right - left) / 85) * 1000;
  const parts = [], grid = [];
  let top = 22;
  for (const lane of lanes) {
    const rows = Math.max(1, lane.rows.length), head = narrow ? 18 : 6, height = head + rows * 15 + 14;
    const label = lane.name.length > 17 ? lane.name.slice(0, 16) + '…' : lane.name, y_label = top + (narrow ? 14 : 18);
    const marks = [], columns = new Set(), low = top + height - 8;
    if (lane.name === db.head.instance) {
      for (const a of db.attempts) {
        const at = x(ms(a.at)), column = Math.round(at / 5);
        if (!['busy', 'duplicate_tick'].includes(a.outcome) || at < left || at > right || columns.has(column) || !matches(a.job, lane.name)) continue;
        columns.add(column);
        marks.push(s('circle.lost-race', {cx: at, cy: low, r: 2.7}, s('title', a.job + ', ' + (a.outcome === 'busy' ? 'another instance had the lock' : 'another instance had run the tick'))));
      }
      for (const l of db.lost) if (ms(l.at) > start && matches(l.job)) marks.push(cross(x(ms(l.at)), low, l.job + ', lock lost: ' + plain(l.reason)));
    }
    parts.push(s('g', {'data-key': 'lane ' + lane.name},
      s('rect.lane-bg', {x: narrow ? 0 : left - 6, y: top, width: right - left + (narrow ? 14 : 12), height: height - 3, rx: 4}),
      s('text.lane', {x: 6, y: y_label}, label, s('title', lane.name)),
      !lane.alive && s('text', {x: narrow ? 14 + label.length * 8 : 6, y: narrow ? y_label : y_label + 14}, 'gone'),
      lane.bars.map(({run, from, to, row}) => {
        const at = x(from), wide = Math.max(3, x(to) - at), y = top + head + row * 15;
        return s('g', {'data-key': run.run}, s('rect', {class: 'run-bar ' + fill_of(run) + (run.run === ui.picked ? ' sel' : ''), 'data-bar': run.run, x: at, y, width: wide, height: 11, rx: 2}, s('title', told(run))),
          is_hatched(run) && s('rect', {fill: 'url(#hatch)', x: at, y, width: wide, height: 11, 'pointer-events': 'none'}),
          word_of(run) === 'lock_lost' && cross(at + wide, y + 5.5, told(run)));
      }), marks));
    top += height;
  }
  for (let t = Math.ceil(start / step) * step; t < now; t += step) {
    grid.push(s('path.grid', {d: `M${x(t)} 18V${top}`}), x(t) > left + 18 && x(t) < right - 18 && s('text', {x: x(t), y: 12, 'text-anchor': 'middle'}, clock_text(t, step < 60000).slice(-8)));
  }
  const count = lanes.reduce((n, l) => n + l.bars.length, 0);
  return h('div.body', s('svg.chart', {id: 'timeline', tabindex: 0, viewBox: `0 0 ${width} ${top + 2}`, role: 'group', 'aria-label': `${count_of(count, 'run')} on ${count_of(lanes.length, 'instance')} in the last ${span_of(ui.span)}; arrow keys choose one, the table below has them all`},
    hatching(), grid, parts, s('path.now', {d: `M${right} 18V${top}`})));
}

function pick(step) {
  const order = lanes_of(clock() - ui.span * 1000, clock()).flatMap(l => l.bars).sort((a, b) => a.from - b.from);
  if (!order.length) return;
  const at = order.findIndex(b => b.run.run === ui.picked);
  ui.picked = order[at < 0 ? order.length - 1 : Math.min(order.length - 1, Math.max(0, at + step))].run.run;
  render();
}

function locks() {
  const found = all('locks').filter(l => matches(l.lock_name, ...l.jobs, l.holder && l.holder.instance)).sort((a, b) => b.held - a.held || by('lock_name')(a, b));
  const tally = {acquired: 'won', busy: 'busy elsewhere', duplicate_tick: 'tick already run', error: 'errors'};
  const seen = Object.entries(tally).map(([outcome, text]) => db.attempts.filter(a => a.outcome === outcome).length + ' ' + text).join(', ');
  return [
    h('h1', 'Locks'),
    h('div.row.spread', h('p.muted', count_of(found.filter(l => l.held).length, 'lock') + ' held of ' + found.length), filter_box('Filter by lock, job or holder')),
    h('div.card', table('Named locks and who holds them', ['Lock', 'State', 'Holder', 'For', 'Run', '>Fence'], found.slice(0, ui.rows).map(l => [l.lock_name,
      [h('code', l.lock_name), l.jobs.join() !== l.lock_name && h('small', l.jobs.flatMap((j, i) => [i > 0 && ', ', h('a', {href: job_url(j)}, named(j))]))],
      l.held ? badge('run', 'held', 'lock') : badge('off', 'free'), l.holder && named(l.holder.instance), l.holder && l.holder.since && lasting(l.holder.since),
      l.holder && l.holder.run && h('a', {href: job_url(l.holder.run.slice(0, l.holder.run.lastIndexOf('@'))), title: l.holder.run}, 'tick ' + tick_of(l.holder.run)), l.fence && String(l.fence)]), 'No lock is like that.')),
    found.length > ui.rows && button('more', 'Show more of ' + found.length),
    card('Acquire latency', chips('Window', 'heat', [[3600, '1 h'], [21600, '6 h'], [86400, '24 h']]), heat_map()),
    card('Seen by ' + db.head.instance, h('small.muted', 'of the last ' + count_of(db.attempts.length, 'attempt') + ': ' + seen),
      table('Locks that this instance lost', ['Job', 'Lost', 'Reason'], db.lost.slice(-20).reverse().map(l => [l.at + l.job, job_link(l.job), [badge('bad', 'lock lost'), h('small', stamp(l.at), ', ', ago(l.at))], plain(l.reason)]), 'No lock was lost.')),
  ];
}

function heat_map() {
  const {bounds, slots} = db.latency, columns = 60, each = ui.heat * 1000 / columns, start = Math.ceil(clock() / 60000) * 60000 - ui.heat * 1000;
  const sums = new Array(bounds.length + 1).fill(0), grid = Array.from({length: columns}, () => [...sums]);
  for (const {at, counts} of slots) {
    const column = grid[Math.floor((ms(at) - start) / each)];
    if (column) counts.forEach((n, i) => { column[i] += n; sums[i] += n; });
  }
  if (!sum(sums)) return empty('No lock was asked for in this time.');
  const [from, to] = used(sums), width = chart_width(), left = 64, wide = (width - left - 6) / columns, high = 18, base = (to - from) * high, most = Math.max(...grid.flat());
  const words = latency_words(bounds, sums), y = i => (to - 1 - i) * high;
  const shade = n => (.2 + .8 * Math.log1p(n) / Math.log1p(most)).toFixed(2);
  const cell = (n, c, i) => s('rect', {class: n ? 'heat' : 'heat-0', x: left + c * wide, y: y(i), width: wide - 1.2, height: high - 1.5, rx: 1.5, 'fill-opacity': n > 0 && shade(n)},
    n > 0 && s('title', `${clock_text(start + c * each, false)}, ${bucket_name(bounds, i)}: ${n}`));
  const rows = Array.from({length: to - from}, (_, k) => [s('text', {x: left - 7, y: y(from + k) + 13, 'text-anchor': 'end'}, bucket_name(bounds, from + k)), grid.map((column, c) => cell(column[from + k], c, from + k))]);
  const label = (share, anchor) => s('text', {x: left + share * (width - left - 6), y: base + 14, 'text-anchor': anchor}, clock_text(start + share * ui.heat * 1000, false));
  return h('div.body', h('p.muted', words + '; all jobs, seen by ' + db.head.instance + '; the stronger, the more'),
    s('svg.chart', {viewBox: `0 0 ${width} ${base + 18}`, role: 'img', 'aria-label': 'Heat map of lock acquire latency: ' + words}, rows, label(0, 'start'), label(.5, 'middle'), label(1, 'end')));
}

function instances() {
  const found = all('instances').sort((a, b) => b.alive - a.alive || by('instance')(a, b) || (a.started < b.started ? 1 : -1));
  const offset = i => (i.clock_offset == null ? '' : (i.clock_offset < 0 ? '−' : '+') + span_of(Math.abs(i.clock_offset)));
  const hash = i => i.config_hash && [h('code', {title: i.config_hash}, i.config_hash.slice(0, 10)), i.drift && h('small', badge('warn', 'differs from here'))];
  const {health, store} = db;
  return [
    h('h1', 'Instances'),
    h('div.card', table('Instances of the cluster', ['Instance', 'State', 'Heartbeat', 'Started', 'Version', 'Clock offset', 'Configuration', 'Zone data'], found.map(i => [i.incarnation,
      [h('span.name', named(i.instance)), i.here && [' ', h('span.tag', 'this one')]], verdict(i.alive, 'alive', 'gone'), ago(i.heartbeat), ago(i.started), i.version, offset(i), hash(i), i.tzdata]), 'No instance has written a heartbeat yet.')),
    health && card('This instance', null, h('div.body', h('dl.facts',
      h('dt', 'Label'), h('dd', named(db.head.instance)), h('dt', 'Health'), h('dd.row', verdict(health.live, 'live', 'not live'), verdict(health.ready, 'ready', 'not ready'), health.reasons.join('; ')),
      store && [h('dt', 'Store'), h('dd.row', verdict(store.up, 'up', 'down'), h('code', store.url))],
      db.slots && [h('dt', 'Run slots'), h('dd', db.slots.busy + ' busy, ' + db.slots.free + ' free')], h('dt', 'Incarnation'), h('dd', h('code', db.head.incarnation))))),
  ];
}

// ---- drawing

const views = {overview, jobs, job: job_view, timeline, locks, instances};
function route() {
  const [, first = '', ...rest] = location.hash.split('/');
  if (first === 'jobs' && rest.length) {
    try { return ['job', decodeURIComponent(rest.join('/'))]; } catch { return ['jobs']; }
  }
  return Object.hasOwn(views, first) && first !== 'job' ? [first] : ['overview'];
}

let drawn = 0;
function draw() { later('draw', render, Math.max(30, 300 - (Date.now() - drawn))); }

function render() {
  const [view, name] = route(), main = $('#main');
  drawn = Date.now();
  draw_head();
  if (!link.loaded) return;
  const fragment = document.createDocumentFragment();
  fill(fragment, {}, [views[view](name)]);
  if (main.dataset.shown !== location.hash) main.replaceChildren();
  main.dataset.shown = location.hash;
  morph_children(main, [...fragment.childNodes]);
  for (const a of document.querySelectorAll('nav a')) {
    const is_here = a.hash === '#/' + ({overview: '', job: 'jobs'}[view] ?? view);
    if (is_here) a.setAttribute('aria-current', 'page'); else a.removeAttribute('aria-current');
  }
  document.title = (name || capital(view)) + ' · ' + (db.head.cluster || '') + ' · Baton';
}

function draw_head() {
  const silent = (Date.now() - link.answered) / 1000, seen = link.answered > 0;
  const state = !seen ? 'connecting' : silent > 30 || db.head.stale ? 'stale' : link.open ? 'live' : silent > 8 || !link.loaded ? 'reconnecting' : 'polling';
  const set = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  $('#link').dataset.state = state;
  set($('#link'), capital(state));
  set($('#cluster'), db.head.cluster || '');
  const as_of = db.head.as_of ? clock_text(ms(db.head.as_of)) : '';
  let notice = '';
  if (link.problem) notice = link.problem;
  else if (db.head.stale) notice = 'The store does not answer' + (db.head.reason ? ': ' + db.head.reason : '') + (as_of ? '. What you see is from ' + as_of + '.' : '.');
  else if (seen && silent > 8) notice = 'This instance does not answer. What you see is from ' + clock_text(link.answered + link.offset) + '; trying again.';
  $('#notice').hidden = !notice;
  if ($('#notice').textContent !== notice) $('#notice').replaceChildren(h('p', notice));
  set($('#foot'), db.head.instance ? 'Shown by ' + db.head.instance + ', times are ' + (ui.utc ? 'UTC' : 'local') : '');
}

// ---- changes

function toast(text, is_bad = false) {
  const node = $('#toast');
  node.textContent = text;
  node.className = is_bad ? 'bad' : '';
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { node.textContent = ''; }, is_bad ? 10000 : 6000);
}

/// What the dialog was answered; null: cancelled.
function ask({title, text, ok, with_parameters}) {
  const dialog = $('#ask'), form = dialog.querySelector('form');
  for (const [name, words] of Object.entries({title, text, ok})) $('#ask-' + name).textContent = words;
  $('#ask-token-row').hidden = Boolean(token);
  $('#ask-with-row').hidden = !with_parameters;
  form.reset();
  dialog.showModal();
  (token ? $('#ask-ok') : $('#ask-token')).focus();
  return new Promise(resolve => {
    form.onsubmit = event => { event.preventDefault(); token ||= $('#ask-token').value.trim(); dialog.close('ok'); };
    dialog.onclose = () => { resolve(dialog.returnValue ? $('#ask-with').value : null); dialog.returnValue = ''; form.reset(); };
  });
}

function parameters_of(text) {
  const found = {};
  for (const line of text.split('\n').filter(l => l.trim())) {
    const at = line.indexOf('=');
    if (at < 1) throw new Error('"' + line.trim() + '" is not of the form name=value');
    found[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return found;
}

async function post(path, body) {
  const headers = {'Content-Type': 'application/json', 'X-Baton-Request': '1'};
  if (token) headers.Authorization = 'Bearer ' + token;
  const answer = await fetch('/api/v1/' + path, {method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(15000)});
  const data = await answer.json().catch(() => ({}));
  if (answer.status === 401) token = '';
  if (!answer.ok) throw new Error(message_of(data, answer.status));
  return data.message || 'done';
}

async function change(what, {job, run}) {
  const about = {
    trigger: {title: 'Trigger ' + job, text: 'Asks for one run now. Whichever instance gets the lock runs it, behind a run that is under way.', ok: 'Trigger', with_parameters: true},
    pause: {title: 'Pause ' + job, text: 'Its ticks are skipped in the whole cluster until it is resumed. A run that is under way goes on.', ok: 'Pause'},
    resume: {title: 'Resume ' + job, text: 'Its ticks run again, from the next one on.', ok: 'Resume'},
    cancel: {title: 'Cancel this run', text: run + ' is told to stop, and killed if it does not within its grace.', ok: 'Cancel the run'},
  }[what];
  const given = !token || what === 'trigger' || what === 'cancel' ? await ask(about) : '';
  if (given === null) return;
  try {
    const parameters = what === 'trigger' ? parameters_of(given) : {};
    const body = Object.keys(parameters).length ? {parameters} : {};
    toast(await post(run ? `runs/${encodeURIComponent(run)}/cancel` : `jobs/${encodeURIComponent(job)}/${what}`, body));
  } catch (error) {
    toast(error.message, true);
  }
  later('detail', load_detail, 300);
}

// ---- hands

const themes = ['auto', 'light', 'dark'];
function set_theme(name) {
  if (name === 'auto') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
  $('#theme').textContent = capital(name);
  $('#theme').setAttribute('aria-label', 'Colours: ' + name);
  try { localStorage.setItem('baton-theme', name); } catch { /* private windows may refuse */ }
}
function stored(name) { try { return localStorage.getItem(name); } catch { return null; } }

const deeds = {
  skip(_, event) { event.preventDefault(); $('#main').focus(); },
  set(node) { const {name, value} = node.dataset; ui[name] = /^\d+$/.test(value) ? Number(value) : value; render(); },
  more() { ui.rows += 200; render(); },
  zone() { ui.utc = !ui.utc; $('#zone').textContent = ui.utc ? 'UTC' : 'Local'; render(); },
  theme() { set_theme(themes[(themes.indexOf(document.documentElement.dataset.theme || 'auto') + 1) % 3]); },
  'ask-cancel'() { $('#ask').close(); },
};

document.addEventListener('click', event => {
  const bar = event.target.closest('[data-bar]');
  if (bar) { ui.picked = bar.dataset.bar; return render(); }
  const node = event.target.closest('[data-do]');
  if (!node) return;
  const {do: what, job, run} = node.dataset;
  if (deeds[what]) deeds[what](node, event); else change(what, {job, run});
});

document.addEventListener('input', event => { if (event.target.id === 'filter') { ui.filter = event.target.value; ui.rows = 200; draw(); } });

document.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches('input, textarea'), step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (event.key === '/' && !typing && !$('#ask').open) {
    event.preventDefault();
    if (!$('#filter')) { location.hash = '#/jobs'; render(); }
    $('#filter').focus();
  } else if (event.key === 'Escape' && event.target.id === 'filter') {
    event.target.value = ui.filter = '';
    draw();
  } else if (step && event.target.id === 'timeline') {
    event.preventDefault();
    pick(step);
  } else if (step && event.target.matches('nav a, .chips button')) {
    const near = [...event.target.parentNode.children], next = near[near.indexOf(event.target) + step];
    if (next) next.focus();
  }
});

addEventListener('hashchange', () => { ui.filter = ''; ui.rows = 200; render(); scrollTo(0, 0); if (document.activeElement.id !== 'filter') $('#main').focus({preventScroll: true}); load_detail(); });
addEventListener('resize', draw);
document.addEventListener('visibilitychange', () => { if (!document.hidden) load(); });

set_theme(themes.includes(stored('baton-theme')) ? stored('baton-theme') : 'auto');
connect();
load();
setInterval(every_second, 1000);
