// Makes docs/images/ from a fleet of three that lost an instance and a lock. Environment as ctest sets it for page.fleet (ctest -L page -N -V shows it):
//   node tests/page/screenshots.mjs FOLDER
import {mkdirSync} from 'node:fs';
import {setTimeout as wait} from 'node:timers/promises';
import {browser, open, show, views} from './browser.mjs';
import {admin_token, eventually, fleet} from './fleet.mjs';
import {jobs} from './fleet_jobs.mjs';

const folder = process.argv[2];
mkdirSync(folder, {recursive: true});
const f = new fleet({cluster: 'billing', jobs: jobs.replaceAll(' <img src=x onerror=alert(1)>', '')});

async function trigger(job) {
  const headers = {'Content-Type': 'application/json', 'X-Baton-Request': '1', Authorization: 'Bearer ' + admin_token};
  await fetch(f.url('east-1') + `api/v1/jobs/${job}/trigger`, {method: 'POST', body: '{}', headers});
  return eventually(job + ' runs', async () => (await f.read('east-1', 'locks')).locks.find(l => l.held && l.jobs.includes(job)));
}

try {
  await f.start(['east-1', 'east-2', 'west-1']);
  await wait(130000);
  let lost_by;
  while (lost_by !== 'east-1') {  // the page is that of east-1, which is to have lost a lock
    lost_by = (await trigger('nightly-rollup')).holder.instance;
    await wait(8000);
    f.lose_lock('nightly-rollup');
    await eventually('the run is closed', async () => !(await f.read('east-1', 'locks')).locks.some(l => l.held && l.jobs.includes('nightly-rollup')));
  }
  await wait(25000);
  await eventually('west-1 runs something', async () => (await f.read('east-1', 'locks')).locks.some(l => l.held && l.holder.instance === 'west-1' && l.jobs.includes('send-invoices')), 120000);
  await wait(1500);
  await f.kill('west-1');
  await wait(25000);
  await trigger('nightly-rollup');
  await wait(12000);
  for (const [mode, width, height, colorScheme] of [['wide', 1280, 860, 'light'], ['narrow', 400, 860, 'light'], ['dark', 1280, 860, 'dark']]) {
    const page = await open(f.url('east-1'), {viewport: {width, height}, colorScheme});
    await page.waitForSelector('#link[data-state=live]');
    for (const view of [...views, '#/jobs/import-orders']) {
      await show(page, view);
      if (view === '#/timeline') await page.click('button:text-is("5 min")');
      await wait(1500);
      const name = view.split('/').filter(part => part !== '#').join('-') || 'overview';
      await page.screenshot({path: `${folder}/${mode}-${name}.png`});
      await page.screenshot({path: `${folder}/${mode}-${name}-full.png`, fullPage: true});
    }
    await page.context().close();
  }
} finally {
  await f.stop();
  await browser.close();
}
