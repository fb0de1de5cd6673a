// One Chromium for a file of tests, and pages that remember what went wrong in them.
import assert from 'node:assert/strict';
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import {after} from 'node:test';

const modules = process.env.BATON_PAGE_MODULES;
if (!modules) throw new Error('BATON_PAGE_MODULES has to name the folder in which `npm ci` was run; ctest -L page sets it');
const {chromium} = createRequire(modules + '/')('playwright-core');
const program = process.env.BATON_CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(program)) throw new Error(program + ' is not there: install Debian\'s chromium (./dev setup), or name another in BATON_CHROMIUM');

export async function launch(...more) {
  try {
    return await chromium.launch({executablePath: program, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...more]});
  } catch (error) {
    console.log(`browser.mjs:1: Skipped\ncannot here: chromium does not start: ${String(error.message).split('\n')[0]}\n[ skipped ]`);
    process.exit(77);
  }
}
export const browser = await launch();
after(() => browser.close());

/// A tab on `url`; `problems` are its errors, uncaught exceptions and violations of the policy.
export async function open(url, options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, reducedMotion: 'reduce', ...options});
  await context.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', event => globalThis.violations.push(event.violatedDirective + ' ' + event.blockedURI));
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  const problems = [];
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) problems.push(message.text()); });
  page.on('pageerror', error => problems.push(String(error.stack ?? error)));
  await page.goto(url);
  await page.waitForSelector('#main h1');
  page.problems = async () => [...problems, ...await page.evaluate(() => globalThis.violations)];
  page.expect_clean = async () => assert.deepEqual(await page.problems(), []);
  return page;
}

export const views = ['#/', '#/jobs', '#/timeline', '#/locks', '#/instances'];

export async function show(page, hash) {
  await page.evaluate(h => { location.hash = h; }, hash);
  await page.waitForFunction(h => document.querySelector('#main').dataset.shown === h, hash);
}

export async function wait_for_text(page, selector, text) {
  await page.waitForFunction(([s, t]) => [...document.querySelectorAll(s)].some(node => node.textContent.includes(t)), [selector, text]);
}

export const sideways = page => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
