/* The device's update page in Chromium, on a virtual device. UPDRAFT_SHOTS=DIRECTORY keeps pictures. */
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import {after, before, test} from 'node:test';
import {join} from 'node:path';
import {chromium} from 'playwright-core';
import {Bench} from './device.mjs';

const WAIT = {timeout: 30000};
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.UPDRAFT_CHROMIUM || '/usr/bin/chromium',
    args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--host-resolver-rules=MAP *.example 127.0.0.1'],
  });
});
after(() => browser.close());

/* A page of its own browser profile that keeps every request it makes. */
async function open(t, url, options = {}) {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const seen = [];
  page.on('request', request => seen.push(request));
  page.on('dialog', dialog => assert.fail('the browser asked: ' + dialog.message()));
  page.on('pageerror', error => assert.fail(error));
  await page.goto(url + '/update');
  const uploads = () => seen.filter(request => request.method() === 'POST');
  const text = async (id, pattern) => {
    await page.waitForFunction(([at, wanted]) => new RegExp(wanted).test(document.getElementById(at).innerText),
      [id, pattern.source], WAIT).catch(async () => assert.match(await page.innerText('#' + id), pattern));
    return page.innerText('#' + id);
  };
  const choose = async path => {
    await text('version', /1\.\d\.\d/);
    await page.setInputFiles('#file', path);
    await page.waitForSelector('#check:not([hidden])', WAIT);
  };
  return {page, seen, uploads, text, choose};
}

async function shot(page, name) {
  if (process.env.UPDRAFT_SHOTS)
    await page.screenshot({path: join(process.env.UPDRAFT_SHOTS, name + '.png'), fullPage: true});
}

test('a good image is checked, written, and seen to run', async t => {
  const bench = new Bench(t);
  const device = await bench.device({extra: ['--timing', 'w25q']});
  const {page, seen, choose, text} = await open(t, device.url);
  await choose(bench.image('new.bin'));
  assert.match(await text('check', /demo 1\.1\.0/), /ESP32, 293 KB. Replaces 1\.0\.0\./);
  await shot(page, 'chosen');
  await page.click('#send');
  await text('step', /Writing to ota_1/);
  await shot(page, 'writing');
  assert.match(await text('count', /KB of 293 KB/), /^\d/);
  await text('result', /Updated: 1\.1\.0 runs and is confirmed/);
  assert.match(await page.innerText('#result'), /Before: 1\.0\.0\. Running from ota_1\./);
  await shot(page, 'updated');
  assert.equal((await device.status()).version, '1.1.0');
  for (const request of seen)
    assert.ok(request.url().startsWith(device.url) || request.url().startsWith('data:'), request.url());
});

test('an image can be dropped anywhere on the page, packed too', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const {page, text} = await open(t, device.url);
  const bytes = readFileSync(bench.image('new.bin', {gzip: true})).toString('base64');
  await text('version', /1\.0\.0/);
  await page.evaluate(data => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], 'new.bin.gz'));
    document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }, bytes);
  await text('check', /demo 1\.1\.0\s+ESP32, 293 KB unpacked/);
  await page.click('#send');
  await text('result', /Updated: 1\.1\.0/);
});

test('what the device would refuse is not sent', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const {page, uploads, choose, text} = await open(t, device.url);
  writeFileSync(bench.path('elf'), '\x7fELF is no image');
  writeFileSync(bench.path('short'), '\xe9', 'latin1');
  writeFileSync(bench.path('bad.gz'), Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(400, 7)]));
  const cases = [
    [bench.image('s3.bin', {chip: 'esp32s3'}), /For another chip: ESP32-S3\s+This device is an ESP32\./],
    [bench.image('8266.bin', {chip: 'esp8266', size: 200000}), /For another chip: ESP8266/],
    [bench.image('other.bin', {project: 'heater'}), /Another product: heater\s+This device runs demo\./],
    [bench.image('large.bin', {size: 1200000}), /Too large: 1\.14 MB\s+The slot holds 1 MB\./],
    [bench.image('large.gz', {size: 1200000, gzip: true}), /Too large: 1\.14 MB/],
    [bench.path('elf'), /This is not a firmware image/],
    [bench.path('short'), /This is not a firmware image/],
    [bench.path('bad.gz'), /The file cannot be read/],
  ];
  for (const [path, words] of cases) {
    await choose(path);
    await text('check', words);
    assert.ok(await page.isDisabled('#send'));
    if (path.endsWith('s3.bin'))
      await shot(page, 'wrong-chip');
  }
  await choose(bench.image('same.bin', {version: '1.0.0'}));
  await text('check', /The device runs this version/);
  assert.ok(await page.isEnabled('#send'));
  assert.equal(uploads().length, 0);
});

test('the password is tried before the image is sent, and never shown', async t => {
  const bench = new Bench(t);
  const device = await bench.device({board: 'password: s\u00e4cret "1"\n'});
  const {page, seen, uploads, choose, text} = await open(t, device.url);
  await choose(bench.image('new.bin'));
  await shot(page, 'password');
  for (const wrong of ['', 'guess']) {
    await page.fill('#password', wrong);
    await page.click('#send');
    await text('result', /The password is wrong or missing/);
  }
  await shot(page, 'wrong-password');
  assert.equal(uploads().length, 0);
  await page.fill('#password', 's\u00e4cret "1"');
  await page.click('#send');
  await text('result', /Updated: 1\.1\.0/);
  for (const request of seen) {
    const authorization = (await request.allHeaders()).authorization;
    assert.ok(authorization === undefined || authorization.startsWith('Digest '), authorization);
  }
});

test('too many wrong passwords are told so', async t => {
  const bench = new Bench(t);
  const device = await bench.device({board: 'password: secret\n'});
  const {page, choose, text} = await open(t, device.url);
  await choose(bench.image('new.bin'));
  for (let guess = 0; guess < 5; guess++)
    await fetch(device.url + '/ota/start', {headers: {Authorization: 'Basic ' + btoa('a:' + guess)}});
  await page.fill('#password', 'secret');
  await page.click('#send');
  await text('result', /Too many wrong passwords/);
  await page.waitForTimeout(1100);
  await page.click('#send');
  await text('result', /Updated: 1\.1\.0/);
});

test('a connection that breaks off is told, and the update can be done again', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const through = await bench.breaker(device.address, 150000);
  const {page, choose, text} = await open(t, through);
  await choose(bench.image('new.bin'));
  await page.click('#send');
  await text('result', /Not updated\s+The connection broke off/);
  await shot(page, 'cut');
  assert.ok(await page.isEnabled('#send'));
  assert.equal((await device.status()).version, '1.0.0');
  await page.goto(device.url + '/update');
  await choose(bench.path('new.bin'));
  await page.click('#send');
  await text('result', /Updated: 1\.1\.0/);
});

test('an image that does not start is seen to be rolled back, and why', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const {page, choose, text} = await open(t, device.url);
  await choose(bench.image('bad.bin', {behaviour: 'crash'}));
  await page.click('#send');
  await text('result', /Rolled back: 1\.0\.0 runs again/);
  assert.match(await page.innerText('#result'), /did not confirm itself: .+/);
  await shot(page, 'rolled-back');
});

test('a refusal comes in the device\'s own words', async t => {
  const bench = new Bench(t);
  const device = await bench.device({extra: ['--guard', 'charging']});
  const {page, choose, text} = await open(t, device.url);
  await choose(bench.image('new.bin'));
  await page.click('#send');
  await text('result', /Not updated\s+The application does not allow an update now: charging\./);
});

test('the keyboard alone does it, and a screen reader is told', async t => {
  const bench = new Bench(t);
  const device = await bench.device({board: 'password: secret\n'});
  const {page, choose, text} = await open(t, device.url);
  await choose(bench.image('new.bin'));
  const focused = () => page.evaluate(() => document.activeElement.id);
  const order = [];
  for (let i = 0; i < 3; i++) {
    await page.keyboard.press('Tab');
    order.push(await focused());
  }
  assert.deepEqual(order, ['file', 'password', 'send']);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.type('secret');
  await page.keyboard.press('Enter');
  await page.waitForSelector('[role=progressbar][aria-label=Update]', WAIT);
  assert.equal(await page.getAttribute('#result', 'aria-live'), 'polite');
  assert.equal(await page.getAttribute('#check', 'aria-live'), 'polite');
  assert.equal(await page.getAttribute('#step', 'role'), 'status');
  await text('result', /Updated: 1\.1\.0/);
  assert.equal(await page.getByLabel('Password of the device').count(), 1);
});

for (const [name, options] of [['phone', {viewport: {width: 320, height: 640}}],
  ['phone-dark', {viewport: {width: 390, height: 844}, colorScheme: 'dark'}],
  ['desk-dark', {colorScheme: 'dark'}], ['desk', {}]])
  test('nothing is cut off and every text has contrast: ' + name, async t => {
    const bench = new Bench(t);
    const device = await bench.device({board: 'password: secret\n'});
    const {page, choose} = await open(t, device.url, options);
    await choose(bench.image('a-long-name-of-a-firmware-image-that-a-build-server-made-2026-11-21.bin'));
    await shot(page, name);
    const found = await page.evaluate(() => {
      const light = c => c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const rgb = text => text.match(/[\d.]+/g).map(Number);
      const ground = element => {
        const c = rgb(getComputedStyle(element).backgroundColor);
        return c.length < 4 || c[3] > 0 ? c.slice(0, 3) : ground(element.parentElement);
      };
      const poor = [];
      for (const element of document.querySelectorAll('main *')) {
        const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.disabled)
          continue;
        const pair = [light(rgb(getComputedStyle(element).color).slice(0, 3)), light(ground(element))].sort((a, b) => b - a);
        const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (ratio < 4.5)
          poor.push(element.outerHTML.slice(0, 80) + ' ' + ratio.toFixed(2));
      }
      return {poor, width: document.scrollingElement.scrollWidth - innerWidth};
    });
    assert.deepEqual(found, {poor: [], width: 0});
  });

test('without JavaScript the form does', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const context = await browser.newContext({javaScriptEnabled: false});
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(device.url + '/update');
  await page.setInputFiles('#file', bench.image('new.bin'));
  await page.click('#send');
  await page.waitForSelector('text=Update Success!', WAIT);
});

test('Chromium signs in by Digest where it asks by itself', async t => {
  const bench = new Bench(t);
  const device = await bench.device({board: 'password: secret\n'});
  let heard = '';
  const through = await bench.breaker(device.address, Infinity, data => { heard += data; });
  const ask = async password => {
    const context = await browser.newContext({httpCredentials: {username: 'admin', password}});
    t.after(() => context.close());
    const page = await context.newPage();
    const answer = await page.goto(through + '/ota/start?mode=fr');
    return answer.status();
  };
  assert.equal(await ask('secret'), 200);
  assert.match(heard, /^Authorization: Digest username="admin".*algorithm=SHA-256/m);
  assert.doesNotMatch(heard, /^Authorization: Basic/m);
  await assert.rejects(ask('wrong'), /ERR_HTTP_RESPONSE_CODE_FAILURE/); // 401 without a page
});

test('a page elsewhere can neither upload nor read', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const server = http.createServer((request, answer) => {
    answer.setHeader('Content-Type', 'text/html');
    answer.end('<p id="result"></p>');
  });
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto('http://127.0.0.1:' + server.address().port);
  const image = readFileSync(bench.image('new.bin')).toString('base64');
  await page.evaluate(async ([url, data]) => {
    const file = new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], 'new.bin');
    const form = new FormData();
    form.append('firmware', file);
    for (const [path, body] of [['/update', form], ['/update', file], ['/ota/upload', form], ['/api/v1/firmware/upload', file]])
      await fetch(url + path, {method: 'POST', mode: 'no-cors', body});
  }, [device.url, image]);
  const status = await device.status();
  assert.equal(status.update.state, 'idle');
  assert.equal(status.update.written, 0);
  await assert.rejects(page.evaluate(url => fetch(url + '/status').then(answer => answer.text()), device.url));
});

test('a foreign name that leads to the device leads to nothing', async t => {
  const bench = new Bench(t);
  const device = await bench.device();
  const {page, text, uploads} = await open(t, 'http://evil.example:' + device.address.split(':')[1]);
  await text('result', /does not talk to this page\s+This device is not called 'evil\.example/);
  await shot(page, 'foreign-name');
  assert.equal(await page.isVisible('#facts'), false);
  const answer = await page.evaluate(async () => (await fetch('/update', {method: 'POST', body: new Uint8Array(9)})).status);
  assert.equal(answer, 403);
  assert.equal(uploads().length, 1);
  assert.equal((await device.status()).update.state, 'idle');
});
