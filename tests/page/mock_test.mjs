// The page in Chromium, on a cluster of fixtures: what it shows, and how it is used.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {open, show, sideways, views, wait_for_text} from './browser.mjs';
import {hostile} from './fixtures.mjs';
import {admin_token, mock_server} from './mock_server.mjs';

const job_view = name => '#/jobs/' + encodeURIComponent(name);
const every_view = [...views, job_view('import-orders'), job_view(hostile), job_view('yearly-report')];

/// A server and a tab for one test.
function case_of(name, body, options) {
  test(name, {timeout: 120000}, async () => {
    const server = await new mock_server().start();
    const page = await open(server.url, options);
    try {
      await body(page, server);
    } finally {
      await page.context().close();
      await server.stop();
    }
  });
}

case_of('every view renders without an error or a violation of its policy', async page => {
  const expected = {'#/': 'Needs attention', '#/jobs': 'adds up yesterday', '#/timeline': 'lost race', '#/locks': 'Acquire latency', '#/instances': '4f1c9a7be0'};
  for (const view of every_view) {
    await show(page, view);
    if (view.startsWith('#/jobs/')) await wait_for_text(page, '#main h2', 'Configuration');
    else await wait_for_text(page, '#main', expected[view]);
    assert.equal(await page.locator('h1').count(), 1);
    assert.equal(await page.locator('nav a[aria-current=page]').count(), 1);
  }
  await page.expect_clean();
});

case_of('the overview names what needs attention, worst first', async page => {
  const rows = await page.locator('section[aria-label="Needs attention"] li').allTextContents();
  for (const [mark, name] of [['gone', 'west-1'], ['failure', 'import-orders'], ['lock lost', 'backup'], ['drift', 'east-2'], ['paused', 'thumbnails']]) {
    assert.ok(rows.some(row => row.includes(mark) && row.includes(name)), `${mark} ${name} in ${rows}`);
  }
  assert.ok(rows.findIndex(r => r.includes('drift')) > rows.findIndex(r => r.includes('lock lost')));
});

case_of('job detail shows ticks, runs, latency, configuration with its file and line, and the plugin', async page => {
  await show(page, job_view('import-orders'));
  await wait_for_text(page, '#main h2', 'Configuration');
  const text = await page.textContent('#main');
  for (const part of ['/etc/baton/jobs.d/billing.yaml:12', '+02:00', 'repeated', 'could not reach orders.internal', 'exec', '1.0.0', '8d3f0a55c1b2', '≤ 1 ms', "password: '***'"]) assert.ok(text.includes(part), part);
  await page.click('details summary');
  assert.ok(await page.locator('details pre').first().isVisible());
});

case_of('the timeline has a lane for each instance, bars by outcome, hollow marks for lost races and crosses for lost locks', async page => {
  await show(page, '#/timeline');
  assert.deepEqual(await page.locator('#timeline .lane title').allTextContents(), ['east-1', 'east-2', 'west-1', '<b>east-1</b>']);
  for (const kind of ['f-ok', 'f-bad', 'f-warn', 'f-run', 'f-off']) assert.ok(await page.locator('#timeline .run-bar.' + kind).count() > 0, kind);
  assert.ok(await page.locator('#timeline .lost-race').count() > 10);
  assert.ok(await page.locator('#timeline .lost-lock').count() >= 2);
  const all = await page.locator('#timeline .run-bar').count();
  await page.fill('#filter', 'backup');
  await page.waitForFunction(n => document.querySelectorAll('#timeline .run-bar').length < n, all);
  assert.equal(await page.locator('#timeline .run-bar').count(), 3);
  await page.locator('#timeline .run-bar.f-bad').first().click();
  await wait_for_text(page, '.picked', 'lost');
});

case_of('locks tell their holder, since when and for which run, and how long asking takes', async page => {
  await show(page, '#/locks');
  const first = await page.locator('tbody tr').first().textContent();
  assert.match(first, /nightly-rollup.*held.*east-2.*1 min.*tick .*118/);
  assert.ok(await page.locator('rect.heat').count() > 50);
  const one_hour = await page.locator('rect.heat').count();
  await page.click('button:text-is("24 h")');
  await page.waitForFunction(n => document.querySelectorAll('rect.heat').length < n, one_hour);
  assert.ok((await page.textContent('#main')).includes('connection'));
});

case_of('two runs under one lock name at once on two instances raise an alarm', async (page, server) => {
  const run = server.cluster.runs.find(r => r.job === 'nightly-rollup');
  server.emit('run', {...run, run: run.run + '#trigger', kind: 'trigger', instance: 'east-1', started: new Date().toISOString()});
  await wait_for_text(page, 'section[aria-label="Needs attention"] li', 'at once');
});

case_of('hostile names and errors are shown as text', async page => {
  for (const view of every_view) {
    await show(page, view);
    await page.waitForTimeout(150);
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    assert.equal(await page.locator('main img, main script, main b, main i, main u, main s, main h1 h1').count(), 0, view);
  }
  await show(page, job_view(hostile));
  await wait_for_text(page, 'h1', hostile);
  await wait_for_text(page, '#main', '<script>globalThis.hacked=1</script>');
  assert.ok((await page.title()).startsWith(hostile.trim().slice(0, 20)));
  await page.expect_clean();
});

case_of('a name in an address that is none is answered with a sentence', async (page, server) => {
  await show(page, '#/jobs/pusle');
  await wait_for_text(page, '#main', 'there is no such job');
  await page.click('#main bdi:text-is("pulse")');
  await wait_for_text(page, 'h1', 'pulse');
  await page.goto(server.url + '#/jobs/%E0%A4%A');
  await wait_for_text(page, 'h1', 'Jobs');
});

case_of('nothing scrolls sideways at 400 px, and every row keeps its labels', async page => {
  for (const view of every_view) {
    await show(page, view);
    await page.waitForTimeout(150);
    assert.equal(await sideways(page), 0, view);
  }
  await show(page, '#/jobs');
  const label = await page.locator('tbody td[data-label="Next tick"]').first().evaluate(node => getComputedStyle(node, '::before').content);
  assert.equal(label, '"Next tick"');
  await page.setViewportSize({width: 320, height: 700});
  assert.equal(await sideways(page), 0, '320 px');
}, {viewport: {width: 400, height: 800}});

const lightness = page => page.evaluate(() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number); return (r + g + b) / 3; });

case_of('colours follow the system, and the button overrules it for good', async page => {
  assert.ok(await lightness(page) < 60, 'dark, as the system is');
  await page.click('#theme');
  assert.equal(await page.textContent('#theme'), 'Light');
  assert.ok(await lightness(page) > 200);
  await page.reload();
  await page.waitForSelector('#main h1');
  assert.ok(await lightness(page) > 200, 'remembered');
  await page.click('#theme');
  assert.equal(await page.textContent('#theme'), 'Dark');
  await page.emulateMedia({colorScheme: 'light'});
  assert.ok(await lightness(page) < 60);
}, {colorScheme: 'dark'});

/// WCAG's contrast of two colours, as Chromium computed them.
const contrasts = page => page.evaluate(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgb = colour => { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = colour => { const [r, g, b] = rgb(colour).map(v => v / 255).map(v => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = node => { for (let n = node; n; n = n.parentElement) { const c = getComputedStyle(n).backgroundColor; if (!/, 0\)$|^transparent$|\/ 0\)$/.test(c)) return c; } return 'white'; };
  const low = [];
  for (const node of document.querySelectorAll('main *, header *')) {
    if (!(node instanceof HTMLElement) || ![...node.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || node.disabled) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(node.textContent.slice(0, 30) + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(2));
  }
  return low;
});

for (const colorScheme of ['light', 'dark']) {
  case_of('text has a contrast of 4.5 at least, ' + colorScheme, async page => {
    for (const view of every_view) {
      await show(page, view);
      await page.waitForTimeout(150);
      assert.deepEqual(await contrasts(page), [], view);
    }
  }, {colorScheme});
}

case_of('everything is reached by keyboard', async page => {
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to content');
  assert.ok(await page.locator('.skip').evaluate(node => node.getBoundingClientRect().top >= 0), 'visible when focused');
  await page.keyboard.press('Enter');
  assert.equal(await focused(), 'main');
  await page.keyboard.press('/');
  await wait_for_text(page, 'h1', 'Jobs');
  assert.equal(await focused(), 'filter');
  await page.keyboard.type('roll/');
  assert.equal(await page.inputValue('#filter'), 'roll/', 'a slash in the filter is a slash');
  await page.keyboard.press('Escape');
  await page.keyboard.type('import');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.focus('nav a');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.equal(await focused(), 'Timeline');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid');
  await page.keyboard.press('Enter');
  await wait_for_text(page, 'h1', 'Timeline');
  await page.focus('#timeline');
  await page.keyboard.press('ArrowLeft');
  await page.waitForSelector('.run-bar.sel');
  const last = await page.textContent('.picked');
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction(text => document.querySelector('.picked').textContent !== text, last);
  assert.equal(await focused(), await page.evaluate(() => document.querySelector('#timeline').id));
});

case_of('tables have captions, pictures and controls have names, and a state is never colour alone', async page => {
  for (const view of every_view) {
    await show(page, view);
    await page.waitForTimeout(150);
    const nameless = await page.evaluate(() => [
      ...[...document.querySelectorAll('table')].filter(t => !t.caption || !t.caption.textContent.trim()),
      ...[...document.querySelectorAll('main svg:not([aria-hidden])')].filter(s => !s.getAttribute('aria-label')),
      ...[...document.querySelectorAll('button, a')].filter(b => b.checkVisibility() && !(b.textContent.trim() || b.getAttribute('aria-label'))),
      ...[...document.querySelectorAll('input, textarea')].filter(i => !i.labels.length),
      ...[...document.querySelectorAll('.badge')].filter(b => !b.textContent.trim() || !b.querySelector('svg path')),
    ].map(node => node.outerHTML.slice(0, 120)));
    assert.deepEqual(nameless, [], view);
  }
});

case_of('nothing moves for those who asked for less motion', async page => {
  const moving = () => page.evaluate(() => document.getAnimations().length);
  await show(page, '#/jobs');
  await page.waitForSelector('.badge svg.run');
  assert.equal(await moving(), 0);
  await page.emulateMedia({reducedMotion: 'no-preference'});
  assert.ok(await moving() > 0, 'a running job turns for the others');
}, {reducedMotion: 'reduce'});

case_of('times are UTC, or of the browser\'s zone when asked', async page => {
  const tick = page.locator('section[aria-label="Next ticks"] small time').first();
  const utc = await tick.textContent();
  await page.click('#zone');
  assert.equal(await page.textContent('#zone'), 'Local');
  const local = await tick.textContent();
  const minutes = text => { const [h, m] = text.slice(-8).split(':').map(Number); return h * 60 + m; };
  assert.equal((minutes(local) - minutes(utc) + 1440) % 1440, 330);
}, {timezoneId: 'Asia/Kolkata'});

case_of('what happens is on the page at once, without a reload', async (page, server) => {
  await page.waitForSelector('#link[data-state=live]');
  const east_2 = server.cluster.instances[1];
  server.emit('instance', {...east_2, alive: false});
  await wait_for_text(page, 'section[aria-label="Needs attention"] li', 'east-2');
  await wait_for_text(page, '.stats div', 'instances alive1');
  const job = {...server.cluster.jobs.pulse, failing: true, last_run: {...server.cluster.jobs.pulse.last_run, outcome: 'failure', error: 'the monitor said no'}};
  server.emit('job', job);
  await wait_for_text(page, 'section[aria-label="Needs attention"] li', 'the monitor said no');
  await show(page, '#/instances');
  await wait_for_text(page, 'tbody tr', 'east-2gone');
  await page.expect_clean();
});

case_of('an event leaves focus, typed text and opened details as they are', async (page, server) => {
  await show(page, job_view('import-orders'));
  await page.click('details summary');
  await page.focus('button[data-do=pause]');
  server.emit('run', {...server.cluster.runs.find(r => r.job === 'import-orders'), run: 'import-orders@2026-01-01T00:00:00Z#trigger', kind: 'trigger', tick: new Date().toISOString(), outcome: 'timeout'});
  await wait_for_text(page, 'tbody tr', 'timeout');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Pause');
  assert.ok(await page.locator('details[open] pre').isVisible());
  await show(page, '#/jobs');
  await page.fill('#filter', 'thumb');
  server.emit('job', {...server.cluster.jobs.thumbnails, description: 'small pictures'});
  await wait_for_text(page, 'tbody tr', 'small pictures');
  assert.equal(await page.inputValue('#filter'), 'thumb');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'filter');
});

case_of('a stream that breaks is told of, and taken up again', async (page, server) => {
  await page.waitForSelector('#link[data-state=live]');
  server.is_streaming = false;
  server.drop_streams();
  await page.waitForSelector('#link[data-state=polling]');
  server.cluster.jobs.backup.paused = true;
  await page.waitForFunction(() => [...document.querySelectorAll('.stats div')].some(d => d.textContent === 'paused2'));
  server.is_streaming = true;
  await page.waitForSelector('#link[data-state=live]');
});

case_of('an instance that is gone leaves what was known, says since when, and is found again', async (page, server) => {
  await page.waitForSelector('#link[data-state=live]');
  const {port} = server;
  await server.stop();
  await page.waitForSelector('#link[data-state=reconnecting]');
  await wait_for_text(page, '#notice', 'does not answer');
  assert.ok((await page.textContent('#main')).includes('import-orders'));
  await server.start(port);
  await page.waitForSelector('#link[data-state=live]');
  await page.waitForSelector('#notice', {state: 'hidden'});
});

case_of('a store that does not answer makes the page say that it is stale, and why', async (page, server) => {
  server.stale = 'db1 refused the connection';
  server.emit('reset', {});
  await page.waitForSelector('#link[data-state=stale]');
  await wait_for_text(page, '#notice', 'db1 refused the connection');
  server.stale = null;
  server.emit('reset', {});
  await page.waitForSelector('#link[data-state=live]');
});

case_of('the token is asked for once, kept in memory alone, and sent with each change', async (page, server) => {
  await show(page, job_view('import-orders'));
  await page.click('button[data-do=trigger]');
  assert.ok(await page.locator('#ask-token').isVisible());
  await page.fill('#ask-token', 'wrong');
  await page.click('#ask-ok');
  await wait_for_text(page, '#toast', 'token');
  assert.deepEqual(server.changes, []);
  await page.click('button[data-do=trigger]');
  await page.fill('#ask-token', admin_token);
  await page.fill('#ask-with', 'day=monday\nlimit=5');
  await page.keyboard.press('Tab');
  await page.click('#ask-ok');
  await wait_for_text(page, '#toast', 'on its way');
  await page.click('button[data-do=pause]');
  await page.waitForSelector('button[data-do=resume]');
  await wait_for_text(page, '#main .badge', 'paused');
  await page.click('button[data-do=resume]');
  await page.waitForSelector('button[data-do=pause]');
  assert.deepEqual(server.changes.map(c => c.path), ['trigger', 'pause', 'resume'].map(verb => '/api/v1/jobs/import-orders/' + verb));
  assert.deepEqual(server.changes[0].body, {parameters: {day: 'monday', limit: '5'}});
  const kept = await page.evaluate(() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href, document.documentElement.outerHTML]));
  assert.ok(!kept.includes(admin_token));
  assert.equal((await page.problems()).filter(p => !p.includes('401')).length, 0);
});

case_of('a change that was thought better of changes nothing', async (page, server) => {
  await show(page, job_view('import-orders'));
  for (const leave of [() => page.keyboard.press('Escape'), () => page.click('#ask [data-do=ask-cancel]')]) {
    await page.click('button[data-do=pause]');
    await page.fill('#ask-token', admin_token);
    await leave();
    await page.waitForSelector('#ask', {state: 'hidden'});
  }
  await page.click('button[data-do=pause]');
  assert.equal(await page.inputValue('#ask-token'), '', 'a token that was not sent is forgotten');
  assert.deepEqual(server.changes, []);
});

case_of('an open run can be cancelled', async (page, server) => {
  await show(page, job_view('nightly-rollup'));
  await page.click('button[data-do=cancel]');
  await page.fill('#ask-token', admin_token);
  await page.click('#ask-ok');
  await wait_for_text(page, '#toast', 'on its way');
  assert.match(server.changes[0].path, /^\/api\/v1\/runs\/nightly-rollup@.*\/cancel$/);
});

case_of('three thousand jobs are shown by and by, and filtered at once', async (page, server) => {
  for (let i = 0; i < 3000; ++i) server.cluster.jobs['bulk-' + i] = {...server.cluster.jobs.pulse, job: 'bulk-' + i, tags: i === 2718 ? ['rare'] : []};
  server.emit('reset', {});
  await show(page, '#/jobs');
  await wait_for_text(page, '.chips button', '3,008');
  assert.equal(await page.locator('tbody tr').count(), 200);
  await page.click('button[data-do=more]');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 400);
  await page.fill('#filter', 'rare');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
});
