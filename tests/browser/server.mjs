/* A live updraftd for a test, and devices that speak to it: real virtual ones by device.mjs, and plain reports where a
 * certain state is wanted. Ends with the test, by its process id. */
import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';

const bin = process.env.UPDRAFT_BIN || new URL('../../bin', import.meta.url).pathname;

export const mac = number => '24:6F:28:00:' + [number >> 8, number & 255].map(byte => byte.toString(16).toUpperCase().padStart(2, '0')).join(':');

export class Server {
  static async start(bench, {extra = [], port = 0} = {}) {
    const server = new Server();
    server.bench = bench;
    const child = server.child = spawn(join(bin, 'updraftd'), ['--data', bench.path('data'), '--listen', '127.0.0.1:' + port, ...extra],
      {stdio: ['ignore', 'pipe', 'inherit']});
    bench.t.after(() => child.kill('SIGKILL'));
    server.url = await new Promise((done, failed) => {
      let output = '';
      child.on('exit', code => failed(new Error(`updraftd ended with ${code}:\n${output}`)));
      child.stdout.on('data', data => {
        output += data;
        const line = /^dashboard: (http:\/\/[^/]+)\//m.exec(output);
        if (line)
          done(line[1]);
      });
    });
    server.token = readFileSync(bench.path('data/token'), 'utf8').trim();
    return server;
  }

  async stop(signal = 'SIGTERM') {
    const end = new Promise(done => this.child.on('exit', done));
    this.child.kill(signal);
    await end;
  }

  async api(method, path, body) {
    const raw = Buffer.isBuffer(body);
    const answer = await fetch(this.url + '/api/v1/' + path, {method, body: body === undefined || raw ? body : JSON.stringify(body),
      headers: {Authorization: 'Bearer ' + this.token, 'Content-Type': raw ? 'application/octet-stream' : 'application/json'}});
    const data = await answer.json();
    if (!answer.ok)
      throw Object.assign(new Error(path + ': ' + answer.status + ' ' + JSON.stringify(data)), {status: answer.status});
    return data;
  }

  publish(file, query = 'channel=stable') { return this.api('POST', 'releases?' + query, readFileSync(file)); }

  async report(number, state, more = {}) {
    const answer = await fetch(this.url + '/d/report', {method: 'POST', headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({device: typeof number === 'number' ? mac(number) : number, product: 'demo', chip: 'esp32', version: '1.0.0', state, ...more})});
    if (!answer.ok)
      throw new Error('report: ' + answer.status + ' ' + await answer.text());
  }

  /* What an ESP8266 or ESP32 asks with its headers; enrols a device on the product's channel. */
  async ask(number, {product = 'demo', channel = 'stable', version = '1.0.0', name = '', chip = 'esp32'} = {}) {
    const answer = await fetch(this.url + `/d/channel/${product}/${channel}/${chip}.json`,
      {headers: {'x-updraft-device': mac(number), 'x-updraft-version': version, ...(name ? {'x-updraft-name': name} : {})}});
    return answer.json();
  }

  /* The version that the device is told to run. */
  async offered(number, version = '1.0.0') { return (await this.ask(number, {version})).version; }
}
