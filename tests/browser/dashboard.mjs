/* What the tests of the dashboard share: a browser, pages that fail when anything is wrong, a fleet with something in every
 * state. UPDRAFT_SHOTS=DIRECTORY keeps pictures. */
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {after, before} from 'node:test';
import {join} from 'node:path';
import {chromium} from 'playwright-core';
import {Bench} from './device.mjs';
import {Server} from './server.mjs';

export const WAIT = {timeout: 30000};
export const SCRIPT = '<img src=x onerror=alert(1)><script>alert(2)</script>';
const pages = new Map(); /* of each test: how its pages are closed */
let browser;

before(async () => {
  browser = await chromium.launch({executablePath: process.env.UPDRAFT_CHROMIUM || '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : []});
});
after(() => browser.close());

/* A page of its own browser profile. It fails the test when it says anything on the console, asks anything of another
 * origin, or meets a refusal that the test did not allow. */
export async function open(t, server, {path = '', token = server.token, allow = [], script, ...options} = {}) {
  const context = await browser.newContext(options);
  if (script)
    await context.addInitScript(...script);
  const page = await context.newPage();
  const wrong = [];
  page.on('dialog', dialog => { wrong.push('the browser asked: ' + dialog.message()); dialog.dismiss(); });
  page.on('pageerror', error => wrong.push(String(error)));
  page.on('console', message => { if (['error', 'warning'].includes(message.type()) && !allow.some(text => (message.location().url + message.text()).includes(text))) wrong.push(message.text() + ' ' + message.location().url); });
  page.on('request', request => { if (!request.url().startsWith(server.url + '/') && !/^(data|blob):/.test(request.url())) wrong.push('asks ' + request.url()); });
  pages.get(t).push(async () => {
    await context.close();
    assert.deepEqual(wrong, []);
  });
  await page.goto(server.url + '/' + (token ? '#token=' + token : ''));
  if (token)
    await page.waitForSelector('#link[data-state=live]', WAIT);
  const go = async where => {
    await page.evaluate(hash => { location.hash = hash; }, '#/' + where);
    await page.waitForSelector('main h1', WAIT);
  };
  if (path)
    await go(path);
  const text = (selector, pattern) => page.waitForFunction(([at, wanted]) => new RegExp(wanted).test(document.querySelector(at)?.innerText || ''),
    [selector, pattern.source], WAIT).catch(async () => assert.match(await page.innerText(selector), pattern));
  return {page, wrong, go, text};
}
export async function shot(page, name) {
  if (process.env.UPDRAFT_SHOTS)
    await page.screenshot({path: join(process.env.UPDRAFT_SHOTS, name + '.png'), fullPage: true});
}
export async function start(t, options) {
  pages.set(t, []);
  t.after(async () => { /* before the server ends, which the pages would complain of */
    for (const close of pages.get(t))
      await close();
  });
  const bench = new Bench(t);
  return {bench, server: await Server.start(bench, options)};
}
/* Drops a file on the page, as a file manager does. */
export async function drop(page, path) {
  const data = await page.evaluateHandle(([bytes, name]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name));
    return transfer;
  }, [readFileSync(path).toString('base64'), path.split('/').pop()]);
  for (const event of ['dragover', 'drop'])
    await page.dispatchEvent('.drop', event, {dataTransfer: data});
}
/* A fleet with something in every state. */
export async function fleet(t) {
  const {bench, server} = await start(t);
  await server.publish(bench.image('one.bin', {version: '1.0.0'}));
  await server.publish(bench.image('two.bin', {version: '1.1.0'}), 'channel=stable&notes=' + encodeURIComponent('Wi-Fi ' + SCRIPT));
  for (let i = 0; i < 12; i++) {
    await server.ask(i, {name: 'device ' + i});
    await server.report(i, 'confirmed', {version: i % 3 ? '1.0.0' : '1.1.0', slot: 'ota_0'});
  }
  await server.report(1, 'downloading', {target: '1.1.0', progress: 43, via: 'channel'});
  await server.report(2, 'trial', {version: '1.1.0', slot: 'ota_1'});
  await server.report(4, 'rolled_back', {target: '1.1.0', error: {code: 58, name: 'rolled_back', text: 'not confirmed within 3 boots'}, log: '[1] boot\n[1] panic ' + SCRIPT});
  await server.report(5, 'failed', {target: '1.1.0', error: {code: 69, name: 'checksum', text: 'wrong ' + SCRIPT}});
  return {bench, server};
}
