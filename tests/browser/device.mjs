/* A virtual device for a test: its images, its process, and a proxy that breaks connections. Ends
 * with the test, by its process id; everything on loopback with ports that the system chooses. */
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import net from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const root = new URL('../..', import.meta.url).pathname;
const bin = process.env.UPDRAFT_BIN || join(root, 'bin');
const TABLE = 'nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\n' +
  'ota_0,app,ota_0,0x10000,0x100000\nota_1,app,ota_1,0x110000,0x100000\n';

export class Bench {
  constructor(t) {
    this.t = t;
    this.directory = mkdtempSync(join(tmpdir(), 'updraft-browser-'));
    t.after(() => rmSync(this.directory, {recursive: true, force: true}));
  }

  path(name) { return join(this.directory, name); }

  image(name, options = {}) {
    const all = {chip: 'esp32', project: 'demo', version: '1.1.0', size: 300000, ...options};
    const extra = all.gzip ? ['--gzip'] : [];
    delete all.gzip;
    execFileSync(join(bin, 'updraft'), ['image', 'make', '-o', this.path(name), ...extra,
      ...Object.entries(all).flatMap(([key, value]) => ['--' + key, String(value)])], {stdio: 'pipe'});
    return this.path(name);
  }

  /* A device that runs 1.0.0; resolves when it answers. */
  async device({board = '', extra = []} = {}) {
    writeFileSync(this.path('table.csv'), TABLE);
    writeFileSync(this.path('board.yaml'), 'name: garage\nchip: esp32\nports: {http: 0, ota: 0}\n' + board);
    const app = this.image('old.bin', {version: '1.0.0'});
    const child = spawn(join(bin, 'updraft-device'), ['--flash', this.path('flash'), '--table', this.path('table.csv'),
      '--app', app, '--board', this.path('board.yaml'), '--restart-ms', '300', ...extra],
      {stdio: ['ignore', 'pipe', 'inherit']});
    const device = {child, output: ''};
    this.t.after(() => child.kill('SIGKILL'));
    device.address = await new Promise((done, failed) => {
      child.on('exit', code => failed(new Error(`updraft-device ended with ${code}:\n${device.output}`)));
      child.stdout.on('data', data => {
        device.output += data;
        const boot = /^boot .*\bhttp=(\S+)/m.exec(device.output);
        if (boot)
          done(boot[1]);
      });
    });
    device.url = 'http://' + device.address;
    device.status = async () => (await fetch(device.url + '/status')).json();
    return device;
  }

  /* Passes connections on, but breaks those that carry more than limit bytes to the device. hear gets
   * what they carry. */
  async breaker(address, limit, hear = () => 0) {
    const [host, port] = address.split(':');
    const server = net.createServer(client => {
      const device = net.connect(Number(port), host);
      let seen = 0;
      client.on('data', data => {
        seen += data.length;
        hear(data);
        if (seen > limit)
          for (const socket of [client, device])
            socket.destroy();
        else
          device.write(data);
      });
      device.on('data', data => client.write(data));
      for (const [from, to] of [[client, device], [device, client]]) {
        from.on('end', () => to.end());
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
    });
    await new Promise(done => server.listen(0, '127.0.0.1', done));
    this.t.after(() => server.close());
    return 'http://127.0.0.1:' + server.address().port;
  }
}
