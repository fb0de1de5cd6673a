// The page in front of a fleet of three on a private MariaDB: live, under a kill, a lost lock and a stopped store, and against foreign pages.
import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {after, test} from 'node:test';
import {browser, launch, open, show, sideways, views, wait_for_text} from './browser.mjs';
import {admin_token, eventually, fleet} from './fleet.mjs';
import {jobs, markup} from './fleet_jobs.mjs';
import {policy} from './mock_server.mjs';

const f = new fleet({jobs});
after(() => f.stop());
await f.start(['east-1', 'east-2', 'west-1']);

function case_of(name, body, options) {
  test(name, {timeout: 180000}, async () => {
    const page = await open(f.url('east-1'), options);
    try {
      await page.waitForSelector('#link[data-state=live]');
      await body(page);
    } finally {
      await page.context().close();
    }
  });
}

const job_of = async (name, instance = 'east-1') => (await f.read(instance, 'jobs/' + name)).job;
const order = (what, headers = {}) => fetch(f.url('east-1') + 'api/v1/' + what, {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json', 'X-Baton-Request': '1', Authorization: 'Bearer ' + admin_token, ...headers}});

/// Clicks `what` on a job's page, with the token if the page asks for it.
async function click(page, what) {
  await page.click(`button[data-do=${what}]`);
  if (await page.locator('#ask-token').isVisible()) await page.fill('#ask-token', admin_token);
  if (await page.locator('#ask').isVisible()) await page.click('#ask-ok');
}

test('the three files come with the policy, and name nothing that sniffs or remembers', async () => {
  for (const [path, type] of [['', 'text/html'], ['app.js', 'text/javascript'], ['app.css', 'text/css']]) {
    const answer = await fetch(f.url('east-1') + path);
    assert.equal(answer.status, 200);
    assert.ok(answer.headers.get('content-type').startsWith(type));
    assert.equal(answer.headers.get('content-security-policy'), policy);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
    assert.equal(answer.headers.get('set-cookie'), null);
    assert.equal(answer.headers.get('access-control-allow-origin'), null);
    assert.equal((await fetch(f.url('east-1') + path, {method: 'HEAD'})).status, 200);
  }
});

case_of('every view shows the fleet, wide and at 400 px, without an error', async page => {
  await eventually('a run of each kind is in the ledger', async () => (await job_of('import-orders')).failing && (await job_of('pulse')).last_success);
  const expected = {'#/': 'import-orders', '#/jobs': 'adds up yesterday', '#/timeline': 'west-1', '#/locks': 'nightly-rollup', '#/instances': 'east-2', '#/jobs/import-orders': 'connection refused'};
  for (const width of [1280, 400]) {
    await page.setViewportSize({width, height: 900});
    for (const view of [...views, '#/jobs/import-orders']) {
      await show(page, view);
      await wait_for_text(page, '#main', expected[view]);
      assert.equal(await sideways(page), 0, view);
    }
  }
  await wait_for_text(page, '#main', markup);
  await wait_for_text(page, '#main code', 'east-1.yaml:');
  assert.equal(await page.locator('main img').count(), 0);
  const text = await page.content();
  for (const secret of [admin_token, 'page-test\'']) assert.ok(!text.includes(secret), secret);
  await page.expect_clean();
});

case_of('new runs come without a reload', async page => {
  await page.evaluate(() => { globalThis.same_page = true; });
  const newest = () => page.locator('section[aria-label="Recent runs"] tbody tr').first().textContent();
  const before = await newest();
  await eventually('the newest run is another one', async () => await newest() !== before);
  assert.ok(await page.evaluate(() => globalThis.same_page));
  await page.expect_clean();
});

case_of('pause, resume and trigger are obeyed by the whole fleet, with a token that is asked for once', async page => {
  await show(page, '#/jobs/pulse');
  await click(page, 'pause');
  await page.waitForSelector('button[data-do=resume]');
  await eventually('west-1 knows that it is paused', async () => (await job_of('pulse', 'west-1')).paused);
  await page.click('button[data-do=resume]');
  await page.waitForSelector('button[data-do=pause]');
  await eventually('west-1 knows that it is resumed', async () => !(await job_of('pulse', 'west-1')).paused);
  await page.click('button[data-do=trigger]');
  assert.ok(!await page.locator('#ask-token').isVisible(), 'not asked for again');
  await page.click('#ask-ok');
  await wait_for_text(page, 'tbody tr', 'trigger');
  await page.expect_clean();
});

case_of('a wrong token changes nothing, and is told of', async page => {
  await show(page, '#/jobs/pulse');
  await page.click('button[data-do=pause]');
  await page.fill('#ask-token', 'not-the-token-not-the-token-not-it');
  await page.click('#ask-ok');
  await page.waitForSelector('#toast.bad');
  assert.equal((await job_of('pulse')).paused, false);
});

case_of('an open run is cancelled from the page', async page => {
  await show(page, '#/jobs/nightly-rollup');
  await click(page, 'trigger');
  await page.waitForSelector('button[data-do=cancel]');
  await click(page, 'cancel');
  await wait_for_text(page, 'tbody tr', 'cancelled');
});

case_of('a lock that is lost is a cross on the timeline of its holder, and a reason among its locks', async page => {
  assert.equal((await order('jobs/nightly-rollup/trigger')).status, 202);
  const lock = await eventually('the lock is held', async () => (await f.read('east-1', 'locks')).locks.find(l => l.held && l.jobs.includes('nightly-rollup')));
  await show(page, '#/locks');
  await wait_for_text(page, 'tbody tr', lock.holder.instance);
  const holder = await open(f.url(lock.holder.instance) + '#/timeline');
  await holder.waitForSelector('#link[data-state=live]');
  assert.ok(f.lose_lock('nightly-rollup'));
  await holder.waitForSelector('#timeline .lost-lock');
  await show(holder, '#/locks');
  await wait_for_text(holder, 'tbody tr', 'lock lost');
  await wait_for_text(page, '#main', 'nightly-rollup');
  await show(page, '#/jobs/nightly-rollup');
  await wait_for_text(page, 'tbody tr', 'lock lost');
  await holder.context().close();
});

case_of('a store that stops makes the page stale, and one that goes on makes it live', async page => {
  f.server.kill('SIGSTOP');
  try {
    await page.waitForSelector('#link[data-state=stale]', {timeout: 40000});
    assert.ok(await page.locator('#notice').isVisible());
  } finally {
    f.server.kill('SIGCONT');
  }
  await page.waitForSelector('#link[data-state=live]', {timeout: 40000});
  await eventually('the fleet is ready again', () => f.is_ready('east-1'));
});

/// A page of somebody else's at `host`, and what it got to do to the instance.
async function foreign_page(host, url, attempts) {
  const server = createServer((_, response) => { response.writeHead(200, {'Content-Type': 'text/html'}); response.end('<!doctype html><title>foreign</title><body>'); });
  await new Promise(resolve => server.listen(0, '0.0.0.0', resolve));
  const page = await browser.newPage();
  await page.goto(`http://${host}:${server.address().port}/`);
  const outcome = await page.evaluate(attempts, [url, admin_token]);
  await page.waitForTimeout(500);
  await page.close();
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
  return outcome;
}

const attack = async ([url, token]) => {
  const target = url + 'api/v1/jobs/send-invoices/pause';
  const secret = {'Content-Type': 'application/json', 'X-Baton-Request': '1', Authorization: 'Bearer ' + token};
  const tries = {
    plain: () => fetch(target, {method: 'POST', mode: 'no-cors', body: '{}'}),
    typed: () => fetch(target, {method: 'POST', mode: 'no-cors', body: new Blob(['{}'], {type: 'text/plain'})}),
    with_the_token: () => fetch(target, {method: 'POST', headers: secret, body: '{}'}),
    beacon: async () => navigator.sendBeacon(target, new Blob(['{}'], {type: 'text/plain'})),
    reading: async () => (await fetch(url + 'api/v1/jobs')).text(),
    opaque_reading: async () => (await fetch(url + 'api/v1/jobs', {mode: 'no-cors'})).text(),
    stream: () => new Promise(resolve => { const s = new EventSource(url + 'api/v1/events'); s.addEventListener('hello', () => resolve('heard')); s.onerror = () => resolve(''); }),
  };
  const got = {};
  for (const [name, run] of Object.entries(tries)) {
    try { const text = await run(); got[name] = typeof text === 'string' ? text : ''; } catch { got[name] = ''; }
  }
  const frame = document.createElement('iframe');
  frame.name = 'shown';
  document.body.append(frame);
  const form = Object.assign(document.createElement('form'), {method: 'post', action: target, target: 'shown', enctype: 'text/plain'});
  form.innerHTML = '<input name="{" value="}">';
  document.body.append(form);
  form.submit();
  return got;
};

for (const host of ['127.0.0.1', 'localhost']) {
  test(`a page of another origin on ${host} can neither change nor read anything`, {timeout: 60000}, async () => {
    const got = await foreign_page(host, f.url('east-1'), attack);
    for (const [name, text] of Object.entries(got)) assert.equal(text, '', name);
    assert.equal((await job_of('send-invoices')).paused, false);
  });
}

test('the same order without a foreign origin is obeyed, with one it is refused: the token does not help', async () => {
  for (const headers of [{Origin: 'http://evil.example'}, {'Sec-Fetch-Site': 'cross-site'}]) assert.equal((await order('jobs/send-invoices/pause', headers)).status, 403);
  assert.equal((await job_of('send-invoices')).paused, false);
  assert.equal((await order('jobs/send-invoices/pause')).status, 200);
  await eventually('it is paused', async () => (await job_of('send-invoices')).paused);
  assert.equal((await order('jobs/send-invoices/resume')).status, 200);
});

test('no foreign page gets the status page into a frame', async () => {
  const server = createServer((_, response) => { response.writeHead(200, {'Content-Type': 'text/html'}); response.end(`<iframe src="${f.url('east-1')}"></iframe>`); });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForTimeout(500);
  assert.ok(page.frames().slice(1).every(frame => !frame.url().startsWith(f.url('east-1'))), page.frames().map(frame => frame.url()).join());
  await page.close();
  server.closeAllConnections();
  server.close();
});

test('a foreign name that leads here (DNS rebinding) is answered with a refusal', async () => {
  const misled = await launch('--host-resolver-rules=MAP rebound.example 127.0.0.1');
  try {
    const page = await misled.newPage();
    for (const path of ['', 'api/v1/jobs']) {
      const answer = await page.goto(f.url('east-1').replace('127.0.0.1', 'rebound.example') + path);
      assert.ok([403, 421].includes(answer.status()), path + ' ' + answer.status());
      assert.ok(!(await page.content()).includes('send-invoices'));
    }
  } finally {
    await misled.close();
  }
});

// The last one: it leaves two instances.
case_of('an instance that is killed is shown as gone, live, and its run as interrupted', async page => {
  const name = 'west-1';
  await show(page, '#/instances');
  await wait_for_text(page, 'tbody tr', name + 'alive');
  await f.kill(name);
  await wait_for_text(page, 'tbody tr', name + 'gone');
  await show(page, '#/');
  await wait_for_text(page, 'section[aria-label="Needs attention"] li', name);
  await show(page, '#/timeline');
  await wait_for_text(page, '#timeline text', 'gone');
  await page.expect_clean();
});
