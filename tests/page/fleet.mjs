// A private MariaDB and a fleet of `baton run` on it, for the page's tests. All of it ends with this process.
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as wait} from 'node:timers/promises';

export const admin_token = 'page-test-token-0123456789-abcdefghij';
const password = 'page-test';
const as_root = process.geteuid() === 0 ? ['--user=root'] : [];
const path = process.env.PATH + ':/usr/sbin:/usr/local/sbin';

/// `what` comes true within `limit` ms, or this fails and says so.
export async function eventually(words, what, limit = 30000) {
  const deadline = Date.now() + limit;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('not within ' + limit / 1000 + ' s: ' + words);
    await wait(100);
  }
}

async function free_port() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const {port} = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/// Starts a program that is killed when this process is gone, however it ends.
function start(log, command, environment = {}) {
  const out = openSync(log, 'a');
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {stdio: ['ignore', out, out], env: {...process.env, PATH: path, ...environment}});
}

export class fleet {
  folder = mkdtempSync(join(tmpdir(), 'baton-page-'));
  instances = new Map();

  constructor({cluster = 'page', jobs}) { Object.assign(this, {cluster, jobs}); }

  async start(names) {
    const data = join(this.folder, 'data');
    const made = spawnSync('mariadb-install-db', ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve', '--force', '--datadir=' + data, ...as_root], {env: {...process.env, PATH: path}, encoding: 'utf8'});
    if (made.status !== 0) throw new Error('mariadb-install-db failed: ' + made.error + made.stdout + made.stderr);
    this.port = await free_port();
    this.socket = join(this.folder, 'mariadb.sock');
    this.server = start(join(this.folder, 'mariadb.log'), ['mariadbd', '--no-defaults', '--datadir=' + data, '--socket=' + this.socket, '--port=' + this.port, '--bind-address=127.0.0.1',
      '--tmpdir=' + this.folder, '--skip-name-resolve', '--skip-log-bin', '--innodb-buffer-pool-size=64M', '--innodb-flush-log-at-trx-commit=2', ...as_root]);
    await eventually('MariaDB answers', () => existsSync(this.socket) && this.#sql('SELECT 1').status === 0);
    this.sql(`CREATE DATABASE baton; CREATE USER baton@'%' IDENTIFIED BY '${password}'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX ON baton.* TO baton@'%'`);
    for (const name of names) await this.add(name);
    for (const name of names) await eventually(name + ' is ready: ' + join(this.folder, name + '.log'), () => this.is_ready(name));
  }

  #sql(statement) { return spawnSync('mariadb', ['--no-defaults', '-uroot', '-N', '-S', this.socket, '-e', statement], {encoding: 'utf8'}); }
  sql(statement) {
    const done = this.#sql(statement);
    if (done.status !== 0) throw new Error(statement + ': ' + done.stderr);
    return done.stdout.trim();
  }

  async add(name, more = '') {
    const port = await free_port();
    const file = join(this.folder, name + '.yaml');
    writeFileSync(file, `version: 1
cluster: ${this.cluster}
instance: ${name}
store:
  url: mysql://baton@127.0.0.1:${this.port}/baton
  password: {env: BATON_TEST_PASSWORD}
  lease: {probe: 500ms, probe_timeout: 500ms, wait_timeout: 3s, margin: 1500ms, stop: 500ms}
http: {listen: "127.0.0.1:${port}", admin_token: {env: BATON_TEST_TOKEN}}
log: {format: text}
plugins: {path: ["${process.env.BATON_PLUGINS}"]}
jobs:
${this.jobs}${more}`);
    const child = start(join(this.folder, name + '.log'), [process.env.BATON_PROGRAM, 'run', '-c', file], {BATON_TEST_PASSWORD: password, BATON_TEST_TOKEN: admin_token});
    this.instances.set(name, {child, port, url: `http://127.0.0.1:${port}/`});
  }

  url(name) { return this.instances.get(name).url; }
  async is_ready(name) {
    const {child, url} = this.instances.get(name);
    if (child.exitCode !== null) throw new Error(name + ' ended: ' + readFileSync(join(this.folder, name + '.log'), 'utf8').slice(-2000));
    try { return (await fetch(url + 'readyz')).ok; } catch { return false; }
  }
  async read(name, what) { return (await fetch(this.url(name) + 'api/v1/' + what)).json(); }
  log(name) { return readFileSync(join(this.folder, name + '.log'), 'utf8'); }

  async kill(name) {
    const {child} = this.instances.get(name);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /// Ends the session that holds a job's lock, as an operator's KILL would; false: nobody held it.
  lose_lock(job) {
    const session = this.sql(`SELECT IS_USED_LOCK('baton:${this.cluster}:${job}')`);
    if (session === 'NULL') return false;
    this.sql('KILL ' + session);
    return true;
  }

  async stop() {
    for (const name of this.instances.keys()) await this.kill(name);
    if (this.server) {
      this.server.kill('SIGKILL');
      if (this.server.exitCode === null && this.server.signalCode === null) await once(this.server, 'exit');
    }
    rmSync(this.folder, {recursive: true, force: true});
  }
}
