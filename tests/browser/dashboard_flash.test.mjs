/* The first flash over USB, against a chip that is played in the page: it speaks the serial protocol of the ESP32's boot
 * loader in ROM, far enough to be found, erased and written. */
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {inflateSync} from 'node:zlib';
import {open, shot, start, WAIT} from './dashboard.mjs';

const bin = process.env.UPDRAFT_BIN || new URL('../../bin', import.meta.url).pathname;

/* Runs in the page. Source: the serial protocol as esptool's documentation describes it. */
function playChip({mute}) {
  const SYNC = 0x08, READ_REG = 0x0A, DEFL_BEGIN = 0x10, DEFL_DATA = 0x11, ERASE = 0xD0, MAGIC_AT = 0x40001000, ESP32 = 0x00F01D83;
  const chip = window.chip = {parts: [], erased: 0, opened: 0};
  const slip = bytes => [0xC0, ...bytes.flatMap(byte => byte === 0xC0 ? [0xDB, 0xDC] : byte === 0xDB ? [0xDB, 0xDD] : [byte]), 0xC0];
  const u32 = (bytes, at) => (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
  const answer = (op, value = 0) => slip([1, op, 2, 0, value & 255, value >> 8 & 255, value >> 16 & 255, value >>> 24, 0, 0]);
  const take = packet => {
    const op = packet[1], data = packet.slice(8);
    if (op === SYNC)
      return Array.from({length: 8}, () => answer(op)).flat();
    if (op === READ_REG)
      return answer(op, u32(data, 0) === MAGIC_AT ? ESP32 : 0);
    if (op === ERASE)
      chip.erased++;
    if (op === DEFL_BEGIN)
      chip.parts.push({offset: u32(data, 12), len: u32(data, 0), packed: []});
    if (op === DEFL_DATA)
      chip.parts.at(-1).packed.push(...data.slice(16));
    return answer(op);
  };
  class Port extends EventTarget {
    getInfo() { return {usbVendorId: 0x10C4, usbProductId: 0xEA60}; }
    async setSignals() {}
    async open() {
      chip.opened++;
      let out, rest = [], escaped = false;
      this.readable = new ReadableStream({start: controller => { out = controller; }});
      this.writable = new WritableStream({write: bytes => {
        for (const byte of bytes) {
          if (byte === 0xC0) {
            if (rest.length > 0 && !mute)
              out.enqueue(new Uint8Array(take(rest)));
            rest = [];
          } else if (byte === 0xDB) {
            escaped = true;
          } else {
            rest.push(escaped ? byte === 0xDC ? 0xC0 : 0xDB : byte);
            escaped = false;
          }
        }
      }});
    }
    async close() { this.readable = this.writable = null; }
  }
  Object.defineProperty(navigator, 'serial', {value: {requestPort: async () => new Port()}});
}

/* A second-stage boot loader, as far as its header and checksum go: one segment, no description. */
function bootLoader(chip) {
  const image = Buffer.alloc(80, 0x5A);
  image.fill(0, 0, 32);
  image.set([0xE9, 1, 2, 0x20], 0);
  image.writeUInt16LE(chip, 12);
  image.writeUInt32LE(0x3FFF0000, 24);
  image.writeUInt32LE(32, 28);
  image.fill(0, 64);
  image[79] = image.subarray(32, 64).reduce((sum, byte) => sum ^ byte, 0xEF);
  return image;
}
function files(bench) {
  writeFileSync(bench.path('bootloader.bin'), bootLoader(0));
  writeFileSync(bench.path('bootloader-s3.bin'), bootLoader(9));
  writeFileSync(bench.path('table.csv'), 'nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,0x20000,0x100000\nota_1,app,ota_1,0x120000,0x100000\n');
  execFileSync(join(bin, 'updraft'), ['partitions', bench.path('table.csv'), '-o', bench.path('partition-table.bin')], {stdio: 'pipe'});
}
async function ready(t, chip = {mute: false}) {
  const {bench, server} = await start(t);
  files(bench);
  const image = bench.image('app.bin', {size: 60000});
  await server.publish(image);
  const opened = await open(t, server, {allow: chip.mute ? ['Failed to connect'] : [], script: [playChip, chip]});
  await opened.go('flash');
  return {bench, server, image, ...opened};
}

test('what a release does not hold is asked for, and checked', async t => {
  const {bench, page, text} = await ready(t);
  await text('#missing', /the boot loader and the partition table/);
  const [loader, table] = [page.getByLabel('Boot loader', {exact: true}), page.getByLabel('Partition table', {exact: true})];
  await loader.setInputFiles(bench.path('bootloader-s3.bin'));
  await text('.ways', /for ESP32-S3, the release for ESP32/);
  await loader.setInputFiles(bench.image('old.bin'));
  await text('.ways', /an application, not a boot loader/);
  await loader.setInputFiles(bench.path('bootloader.bin'));
  await text('#missing', /^Still missing: the partition table\.$/);
  await table.setInputFiles(bench.path('bootloader.bin'));
  await text('.ways', /no partition table/);
  await table.setInputFiles(bench.path('partition-table.bin'));
  await text('#parts', /0x1000[^]*bootloader\.bin[^]*0x8000[^]*partition-table\.bin[^]*0x20000[^]*demo 1\.1\.0/);
  await text('.cli', /esptool\.py --chip esp32 write_flash --erase-all 0x1000 bootloader\.bin 0x8000 partition-table\.bin 0x20000 demo-1\.1\.0\.bin/);
  await page.uncheck('.erase input');
  await text('#parts', /0xd000[^]*no choice of slot yet/);
  await shot(page, 'flash');
});

test('an empty chip is erased and written, byte for byte', async t => {
  const {bench, image, page, text} = await ready(t);
  await page.getByLabel('Boot loader', {exact: true}).setInputFiles(bench.path('bootloader.bin'));
  await page.getByLabel('Partition table', {exact: true}).setInputFiles(bench.path('partition-table.bin'));
  await page.click('text=Connect and write');
  await text('.success', /restarts with 1\.1\.0/);
  await shot(page, 'flashed');
  const {parts, erased} = await page.evaluate(() => window.chip);
  assert.equal(erased, 1);
  const files = {0x1000: bench.path('bootloader.bin'), 0x8000: bench.path('partition-table.bin'), 0x20000: image};
  assert.deepEqual(parts.map(part => part.offset), Object.keys(files).map(Number));
  for (const part of parts)
    assert.deepEqual(inflateSync(Buffer.from(part.packed)), readFileSync(files[part.offset]), 'at ' + part.offset.toString(16));
});

test('a chip that does not answer is told, with what to press', async t => {
  const {bench, page} = await ready(t, {mute: true});
  await page.click('text=One merged file');
  writeFileSync(bench.path('merged.bin'), Buffer.concat([Buffer.alloc(0x1000, 0xFF), bootLoader(0)]));
  await page.getByLabel('Merged file', {exact: true}).setInputFiles(bench.path('merged.bin'));
  await page.click('text=Connect and write');
  await page.waitForSelector('.failure', {timeout: 60000});
  assert.match(await page.innerText('.failure'), /hold BOOT, press RESET/);
  assert.equal(await page.evaluate(() => window.chip.parts.length), 0);
});

test('a browser without USB is told which has it, and the command line stands there', async t => {
  const {bench, server} = await start(t);
  files(bench);
  await server.publish(bench.image('app.bin'));
  const {page, text} = await open(t, server, {path: 'flash', script: [() => { delete Navigator.prototype.serial; }]});
  await page.getByLabel('Boot loader', {exact: true}).setInputFiles(bench.path('bootloader.bin'));
  await page.getByLabel('Partition table', {exact: true}).setInputFiles(bench.path('partition-table.bin'));
  await text('.note', /cannot speak to USB/);
  await text('.cli', /esptool\.py/);
  await page.waitForSelector('text=Connect and write', {state: 'detached', ...WAIT});
});
