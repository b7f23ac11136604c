/* The dashboard in Chromium, on a live updraftd. UPDRAFT_SHOTS=DIRECTORY keeps pictures. */
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {test} from 'node:test';
import {drop, fleet, open, SCRIPT, shot, start, WAIT} from './dashboard.mjs';
import {mac, Server} from './server.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test('one signs in by token, by its address or in the form, and a wrong one is told', async t => {
  const {server} = await start(t);
  const {page, text} = await open(t, server, {token: '', allow: ['401']});
  await page.fill('#token', '0'.repeat(64));
  await page.keyboard.press('Enter');
  await text('#sign-in', /not the server’s/);
  await page.fill('#token', server.token);
  await page.keyboard.press('Enter');
  await text('main', /No device has asked yet/);
  await page.click('text=Sign out');
  await text('h1', /Sign in/);
  const other = await open(t, server);
  assert.doesNotMatch(other.page.url(), /token/);
  await other.text('#link', /live/);
  assert.equal(await other.page.evaluate(() => localStorage.length + document.cookie.length), 0);
});

test('a late answer to a wrong token signs nobody out', async t => {
  const {server} = await start(t);
  const {page, text} = await open(t, server, {token: '', allow: ['401']});
  let held, first = true;
  await page.route('**/api/v1/**', async route => { /* one question of the wrong token waits */
    if (first && route.request().headers().authorization?.endsWith('0000')) {
      first = false;
      held = route;
    } else {
      await route.continue();
    }
  });
  await page.fill('#token', '0'.repeat(64));
  await page.keyboard.press('Enter');
  await text('#sign-in', /not the server’s/);
  await page.fill('#token', server.token);
  await page.keyboard.press('Enter');
  await text('main', /No device has asked yet/);
  const late = page.waitForResponse(answer => answer.status() === 401, WAIT);
  await held.continue();
  await late;
  await text('main', /No device has asked yet/);
  await text('#link', /live/);
});

test('the overview counts, and follows what devices say without a touch', async t => {
  const {server} = await fleet(t);
  const {page, text} = await open(t, server);
  await text('[data-tile=Devices]', /^12$/);
  await text('[data-tile="Failed or rolled back"]', /^2$/);
  assert.match(await page.title(), /^\(2\) /);
  await shot(page, 'overview');
  await page.focus('nav a[href="#/releases"]');
  await server.report(7, 'failed', {target: '1.1.0', error: {code: 69, name: 'checksum'}});
  await text('[data-tile="Failed or rolled back"]', /^3$/);
  await text('#said', /1 more failed or rolled back/);
  await page.waitForFunction(() => document.activeElement.textContent === 'Releases', null, WAIT);
});

test('a server that goes away is told, and found again', async t => {
  const {bench, server} = await start(t);
  await server.report(1, 'confirmed');
  const {text} = await open(t, server, {allow: ['ERR_CONNECTION', 'ERR_EMPTY', 'ERR_INCOMPLETE', '401']});
  await text('[data-tile=Devices]', /^1$/);
  await server.stop();
  await text('#link', /no connection/);
  const again = await Server.start(bench, {port: Number(new URL(server.url).port)});
  await again.report(2, 'confirmed');
  await text('#link', /live/);
  await text('[data-tile=Devices]', /^2$/);
});

test('devices are filtered and sorted, and each has its page', async t => {
  const {server} = await fleet(t);
  const {page, text} = await open(t, server, {path: 'devices'});
  const names = () => page.$$eval('#devices tbody a.name', all => all.map(a => a.textContent));
  await text('#devices', /device 11/);
  assert.deepEqual((await names()).slice(0, 4), ['device 0', 'device 1', 'device 2', 'device 3']);
  await page.click('th button:has-text("Name")');
  assert.equal((await names())[0], 'device 11');
  assert.equal(await page.getAttribute('th:has-text("Name")', 'aria-sort'), 'descending');
  await page.selectOption('#state', 'failed,rolled_back');
  await page.waitForFunction(() => document.querySelectorAll('#devices tbody tr').length === 2, null, WAIT);
  assert.deepEqual((await names()).sort(), ['device 4', 'device 5']);
  await page.fill('#filter', 'device 4');
  await page.waitForFunction(() => document.querySelectorAll('#devices tbody tr').length === 1, null, WAIT);
  assert.match(page.url(), /filter=device/);
  await page.selectOption('#state', '');
  await page.fill('#filter', 'version=1.1.0 name!="device 0"');
  await page.waitForFunction(() => document.querySelectorAll('#devices tbody tr').length === 4, null, WAIT);
  await text('main', /New rollout for these/);
  await page.check('[aria-label="Select device 3"]');
  await text('.acts', /1 device selected/);
  await page.check('[aria-label="Select all that are shown"]');
  await text('.acts', /4 devices selected/);
  const [file] = await Promise.all([page.waitForEvent('download', WAIT), page.click('text=Save as CSV')]);
  const lines = readFileSync(await file.path(), 'utf8').trim().split('\n');
  assert.equal(lines.length, 5);
  assert.match(lines.join('\n'), /^24:6F:28:00:00:02,device 2,demo,esp32,stable,1\.1\.0,/m);
  await shot(page, 'devices');
  await page.fill('#filter', 'device 4');
  await page.waitForFunction(() => document.querySelectorAll('#devices tbody tr').length === 1, null, WAIT);
  await page.click('a.name');
  await text('main', /not confirmed within 3 boots/);
  await text('.log', /panic <img/);
  await text('main', /held back/);
  await page.waitForFunction(() => document.activeElement.tagName === 'H1', null, WAIT);
  await shot(page, 'device');
});

test('what operators say of devices is said of one, and of many at a time', async t => {
  const {server} = await fleet(t);
  const {page, go, text} = await open(t, server, {path: 'devices/' + encodeURIComponent(mac(4))});
  await page.getByLabel('Group').fill('garage');
  await page.getByLabel('Tags').fill('lab old');
  await page.getByLabel('Attributes').fill('site=hall 3\nphase=2');
  await text('form .cli code', /^updraft devices set 24:6F:28:00:00:04 --group garage --tag lab,old --attribute 'site=hall 3,phase=2'$/);
  await shot(page, 'labels');
  await page.click('button:has-text("Save")');
  await text('.facts', /Group\s+garage[^]*lab[^]*old/);
  let {device} = await server.api('GET', 'devices/' + encodeURIComponent(mac(4)));
  assert.deepEqual([device.group, device.tags, device.attributes], ['garage', ['lab', 'old'], {site: 'hall 3', phase: '2'}]);
  await page.getByLabel('Attributes').fill('phase=2');
  await page.getByLabel('Tags').fill('lab');
  await page.click('button:has-text("Save")');
  await page.waitForFunction(() => !document.querySelector('.facts').innerText.includes('old'), null, WAIT);
  ({device} = await server.api('GET', 'devices/' + encodeURIComponent(mac(4))));
  assert.deepEqual([device.tags, device.attributes], [['lab'], {phase: '2'}]);
  await text('main', /held back/);
  await page.click('text=Let it try again…');
  await page.click('dialog button.primary');
  await page.waitForSelector('dialog', {state: 'detached', ...WAIT});
  await go('devices');
  await page.check('[aria-label="Select device 7"]');
  await page.check('[aria-label="Select device 8"]');
  await page.click('.acts button:has-text("Change…")');
  await page.locator('dialog').getByLabel('Group').fill('roof');
  await page.locator('dialog').getByLabel('Add tags').fill('new');
  await text('dialog .cli code', /^updraft devices set 24:6F:28:00:00:0[78] 24:6F:28:00:00:0[78] --group roof --tag new$/);
  await page.click('dialog button.primary');
  await page.waitForSelector('dialog', {state: 'detached', ...WAIT});
  await page.fill('#filter', 'group=roof tag=new');
  await page.waitForFunction(() => document.querySelectorAll('#devices tbody tr').length === 2, null, WAIT);
});

test('script in every name shows as text', async t => {
  const {server} = await fleet(t);
  const {page, go, text} = await open(t, server, {path: 'devices'});
  await text('#devices', /wrong <img src=x onerror/);
  await go('releases');
  await text('#releases', /Wi-Fi <img/);
  await go('devices/' + encodeURIComponent(mac(4)));
  await text('.log', /<script>alert\(2\)/);
  await go('');
  await text('main', /wrong <img/);
  assert.equal(await page.$$eval('main img, main script', all => all.length), 0);
});

test('a dropped image says what it is, is published on demand, and moves a channel', async t => {
  const {bench, server} = await start(t);
  const {page, text} = await open(t, server, {path: 'releases', allow: ['409']});
  await drop(page, bench.image('new.bin', {version: '2.0.0', chip: 'esp32s3', size: 400000}));
  await text('.facts', /ESP32-S3[^]*demo[^]*2\.0\.0[^]*391 KB[^]*none/);
  await page.getByLabel('Channel').fill('stable');
  await page.getByLabel('Notes').fill('two words');
  await text('.cli code', /^updraft publish new\.bin --channel stable --notes 'two words'$/);
  await shot(page, 'publish');
  assert.equal((await server.api('GET', 'releases')).releases.length, 0);
  await page.click('button:has-text("Publish to stable")');
  await text('.success', /Published: demo 2\.0\.0, offered on stable/);
  await text('#releases', /2\.0\.0/);
  assert.equal((await server.api('GET', 'channels')).channels[0].version, '2.0.0');
  await drop(page, bench.image('other.bin', {version: '2.0.0', chip: 'esp32s3', size: 401000}));
  await text('.note', /published already/);
  await page.click('button:has-text("Publish")');
  await text('.failure', /with other bytes[^]*new version/);
});

test('what is no image is refused before it is sent, with a remedy', async t => {
  const {bench, server} = await start(t);
  const {page, text} = await open(t, server, {path: 'releases'});
  const good = readFileSync(bench.image('good.bin'));
  const cases = {
    'elf': [Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(100)]), /ELF/],
    'text.bin': [Buffer.from('hello, this is no firmware at all, truly'), /no firmware image/],
    'packed.bin': [readFileSync(bench.image('packed.bin', {gzip: true})), /gunzip/],
    'short.bin': [good.subarray(0, good.length / 2), /cut short/],
    'bad.bin': [Buffer.from(good).fill(1, 5000, 5001), /checksum is wrong/],
    'dump.bin': [Buffer.concat([good, Buffer.alloc(100000)]), /more than an application/],
  };
  for (const [name, [bytes, pattern]] of Object.entries(cases)) {
    writeFileSync(bench.path(name), bytes);
    await drop(page, bench.path(name));
    await text('.failure', new RegExp(name.replace('.', '\\.') + '[^]*' + pattern.source));
  }
  assert.equal((await server.api('GET', 'releases')).releases.length, 0);
});

test('a channel is moved after a question that Escape answers with no', async t => {
  const {server} = await fleet(t);
  const {page, text} = await open(t, server, {path: 'releases'});
  await page.click('tr:has-text("1.0.0") button:has-text("To channel")');
  await text('dialog', /Put demo 1\.0\.0 on stable\?[^]*instead of 1\.1\.0[^]*updraft channels set demo stable 1\.0\.0/);
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', {state: 'detached', ...WAIT});
  await page.waitForFunction(() => /To channel/.test(document.activeElement.textContent), null, WAIT);
  await page.keyboard.press('Enter');
  await page.click('dialog button.primary');
  await page.waitForSelector('dialog', {state: 'detached', ...WAIT});
  assert.equal((await server.api('GET', 'channels')).channels[0].version, '1.0.0');
});

test('tokens are made, shown once and revoked; the audit log has it; others do not see these pages', async t => {
  const {server} = await start(t);
  const {page, text} = await open(t, server, {path: 'tokens'});
  await page.getByLabel('Name').fill('ci');
  await page.click('button:has-text("Make the token")');
  await text('.secret', /[0-9a-f]{64}/);
  const secret = (await page.innerText('.secret code')).trim();
  await page.click('text=I have it');
  assert.equal(await page.$('.secret'), null);
  const other = await open(t, server, {token: secret, allow: ['403']});
  await other.text('nav', /Releases/);
  assert.doesNotMatch(await other.page.innerText('nav'), /Tokens/);
  await page.click('button:has-text("Revoke")');
  await page.click('dialog button.danger');
  await page.waitForFunction(() => !/\bci\b/.test(document.querySelector('table').innerText), null, WAIT);
  await page.click('nav a:has-text("Audit")');
  await text('table', /ci[^]*first/);
});

test('the keyboard reaches everything', async t => {
  const {server} = await fleet(t);
  const {page, text} = await open(t, server);
  await text('main', /Overview/);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  const seen = [];
  for (let i = 0; i < 14; i++) {
    await page.keyboard.press('Tab');
    seen.push(await page.evaluate(() => document.activeElement.textContent.trim()));
    const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(ring, 'none', 'no ring around ' + seen.at(-1));
  }
  for (const word of ['Overview', 'Devices', 'Releases', 'Sign out'])
    assert.ok(seen.includes(word), word + ' of ' + seen);
  await page.focus('nav a[href="#/devices"]');
  await page.keyboard.press('Enter');
  await text('#devices', /device 3/);
  await page.focus('#filter');
  await page.keyboard.type('device 4');
  await page.waitForFunction(() => document.querySelectorAll('#devices tbody tr').length === 1, null, WAIT);
  await page.focus('a.name');
  await page.keyboard.press('Enter');
  await text('main', /rolled back/);
});

const PAGES = ['', 'flash', 'devices', 'devices/' + encodeURIComponent(mac(4)), 'releases', 'channels', 'tokens', 'audit', 'nowhere'];
for (const [name, options] of [['light', {}], ['dark', {colorScheme: 'dark'}], ['phone', {viewport: {width: 360, height: 740}}]])
  test('axe finds no serious fault, and nothing is cut off: ' + name, async t => {
    const {server} = await fleet(t);
    const {page, go} = await open(t, server, {reducedMotion: 'reduce', ...options});
    await page.evaluate(axe); /* by the debugger, so the page's policy stays as it is */
    for (const path of PAGES) {
      await go(path);
      await page.waitForTimeout(400);
      const faults = await page.evaluate(async () => (await window.axe.run(document, {resultTypes: ['violations']})).violations
        .filter(row => ['serious', 'critical'].includes(row.impact)).map(row => row.id + ': ' + row.nodes.map(node => node.html.slice(0, 120) + ' ' + (node.any[0]?.message || '')).join(' | ')));
      assert.deepEqual(faults, [], path);
      assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth <= innerWidth), path + ' is too wide');
      await shot(page, name + '-' + path.replace(/\W+/g, '-'));
    }
  });
