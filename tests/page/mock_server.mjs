// An instance's admin HTTP without the instance: the page's own three files, and a cluster of fixtures behind the API.
//   node tests/page/mock_server.mjs [PORT]   to look at the page
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {fileURLToPath} from 'node:url';
import {cluster_at, detail_of, head_at} from './fixtures.mjs';

const page = new URL('../../framework/admin/page/', import.meta.url);
const files = {'/': ['index.html', 'text/html; charset=utf-8'], '/app.js': ['app.js', 'text/javascript; charset=utf-8'], '/app.css': ['app.css', 'text/css; charset=utf-8']};
export const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
export const admin_token = 'mock-token-of-32-characters-000000';

export class mock_server {
  cluster = cluster_at(Date.now());
  changes = [];  // what was asked for: {path, body}
  stale = null;  // a reason: the store does not answer
  streams = new Set();
  is_streaming = true;
  #count = 0;

  async start(port = 0) {
    this.server = createServer((request, response) => this.#answer(request, response));
    await new Promise(resolve => this.server.listen(port, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  stop() {
    this.drop_streams();
    this.server.closeAllConnections();
    return new Promise(resolve => this.server.close(resolve));
  }

  drop_streams() {
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
  }

  emit(kind, data) {
    for (const stream of this.streams) stream.write(`id: boot-${++this.#count}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  head() { return {...head_at(Date.now()), stale: Boolean(this.stale), reason: this.stale}; }

  #answer(request, response) {
    const url = new URL(request.url, this.url);
    const security = {'Content-Security-Policy': policy, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer'};
    const json = (status, body) => { response.writeHead(status, {'Content-Type': 'application/json', ...security}); response.end(JSON.stringify(body)); };
    const file = files[url.pathname];
    if (file) {
      response.writeHead(200, {'Content-Type': file[1], ...security});
      return response.end(readFileSync(new URL(file[0], page)));
    }
    if (request.method === 'POST') return this.#change(request, url, json);
    if (url.pathname === '/api/v1/events') return this.is_streaming ? this.#stream(response) : json(503, {error: 'busy', message: 'too many streams'});
    const body = this.#read(url);
    return body ? json(200, {...this.head(), ...body}) : json(404, {error: 'not_found', message: 'there is no such job', suggestion: 'pulse'});
  }

  #read(url) {
    const c = this.cluster;
    const [, , , what, name] = url.pathname.split('/');
    if (what === 'jobs' && name) {
      const job = c.jobs[decodeURIComponent(name)];
      return job && {...detail_of(job, Date.now()), runs: c.runs.filter(r => r.job === job.job).slice(0, 50)};
    }
    if (what === 'jobs') return {jobs: Object.values(c.jobs)};
    if (what === 'runs') return {runs: c.runs.slice(0, Number(url.searchParams.get('limit') ?? 100)), next: null};
    if (what === 'locks') return {locks: c.locks, attempts: c.attempts, lost: c.lost, latency: c.latency};
    if (what === 'instances') return {instances: c.instances, health: c.health, slots: c.slots, store: c.store};
    return null;
  }

  #stream(response) {
    response.writeHead(200, {'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store'});
    response.write(`id: boot-${this.#count}\nevent: hello\ndata: ${JSON.stringify(this.head())}\n\n`);
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }

  async #change(request, url, json) {
    let text = '';
    for await (const part of request) text += part;
    if (request.headers['content-type'] !== 'application/json' || request.headers['x-baton-request'] !== '1') return json(415, {error: 'not_json', message: 'a change needs X-Baton-Request'});
    if (request.headers.authorization !== `Bearer ${admin_token}`) return json(401, {error: 'token_needed', message: 'this needs the token of http.admin_token'});
    this.changes.push({path: decodeURIComponent(url.pathname), body: JSON.parse(text)});
    const [, , , , name, what] = url.pathname.split('/').map(decodeURIComponent);
    const job = this.cluster.jobs[name];
    if (job && (what === 'pause' || what === 'resume')) {
      job.paused = what === 'pause';
      this.emit('job', job);
    }
    return json(what === 'trigger' ? 202 : 200, {ok: true, message: `${what} of ${name} is on its way`});
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await new mock_server().start(Number(process.argv[2] ?? 0))).url);
