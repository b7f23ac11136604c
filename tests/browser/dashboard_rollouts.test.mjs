/* Rollouts in the dashboard: begun by the form, held and let go by hand, stopped by their own limits. */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {open, SCRIPT, shot, start, WAIT} from './dashboard.mjs';

const ERROR = {code: 58, name: 'rolled_back', text: 'panic ' + SCRIPT};

/* Devices that run 1.0.0, and a release that nobody is offered yet. */
async function ready(t, devices = 20) {
  const {bench, server} = await start(t);
  await server.publish(bench.image('one.bin', {version: '1.0.0'}));
  await server.publish(bench.image('two.bin', {version: '1.1.0'}), 'notes=new');
  for (let i = 0; i < devices; i++) {
    await server.ask(i, {name: (i < 5 ? 'lab ' : 'hall ') + i});
    await server.report(i, 'confirmed');
  }
  return {server, ...await open(t, server, {path: 'rollouts'})};
}
const GATES = {confirmed_least: 90, failed_most: 10, rolled_back_most: 5, silent_most: 10, soak_s: 0, silent_after_s: 3600};
const begin = (server, more = {}) => server.api('POST', 'rollouts', {product: 'demo', version: '1.1.0', stages: '50% 100%', gates: GATES, ...more});

/* Every device asks; then those that were offered the release end as they are told. */
async function run(server, devices, end) {
  const offered = [];
  for (const i of devices)
    if (await server.offered(i) === '1.1.0')
      offered.push(i);
  for (const [number, i] of offered.entries()) {
    await server.report(i, 'written', {target: '1.1.0'});
    if (end(number) === 'confirmed')
      await server.report(i, 'confirmed', {version: '1.1.0'});
    else
      await server.report(i, 'rolled_back', {target: '1.1.0', error: ERROR});
  }
  return offered;
}

test('a rollout begins in the form, which says whom it reaches, and is paused, resumed and aborted', async t => {
  const {server, page, text} = await ready(t);
  await text('main', /There is no rollout yet/);
  await page.click('text=New rollout');
  await text('#preview', /20 devices are meant[^]*1% 1 device[^]*10% 2 devices[^]*50% 10 devices[^]*100% 20 devices/);
  await page.getByLabel('Filter').fill('name~"lab*"');
  await text('#preview', /5 devices are meant/);
  await shot(page, 'rollout-new');
  await page.getByLabel('Stages').fill('20% 100%');
  await text('.cli code', /^updraft rollout start demo stable 1\.1\.0 --filter 'name~"lab\*"' --stages '20% 100%'$/);
  await page.click('button:has-text("Start the rollout")');
  await text('.acts', /running[^]*stage 1 of 2, 20%/);
  await text('.stages', /20%[^]*1 device[^]*100%[^]*about 5 devices/);
  await page.click('.acts button:has-text("Pause")');
  await text('dialog', /updraft rollout pause 1/);
  await page.click('dialog button.primary');
  await text('.acts', /paused/);
  await text('#reason', /paused by first/);
  await page.click('.acts button:has-text("Resume")');
  await page.click('dialog button.primary');
  await text('.acts', /running/);
  await page.click('.acts button:has-text("Abort")');
  await page.click('dialog button.danger');
  await text('.acts', /aborted/);
  assert.equal(await page.$('.acts button'), null);
  assert.equal((await server.api('GET', 'rollouts/1')).rollout.state, 'aborted');
});

test('a filter that is none is told at once, and nothing can be started', async t => {
  const {page, text} = await ready(t, 1);
  await page.click('text=New rollout');
  await text('#preview', /1 device is meant/);
  page.removeAllListeners('console'); /* the server's 400 is what is wanted */
  await page.getByLabel('Filter').fill('colour=red');
  await text('.failure', /filter, at character 1/i);
  assert.ok(await page.isDisabled('button:has-text("Start the rollout")'));
  await page.getByLabel('Filter').fill('');
  await text('#preview', /1 device is meant/);
});

test('a rollout that goes well is done, and its bars tell how far it is', async t => {
  const {server, page, text, go} = await ready(t, 10);
  await begin(server);
  await go('rollouts/1');
  await text('.stages', /50%[^]*now[^]*5 devices/);
  const all = Array.from({length: 10}, (_, i) => i), first = await run(server, all, () => 'confirmed');
  assert.equal(first.length, 5);
  await text('.acts', /stage 2 of 2, 100%/);
  await text('.stage:first-child', /done[^]*5 confirmed/);
  await text('.stage.now .limits', /Confirmed\s+5\s+50 % goes on at 90 %/);
  await shot(page, 'rollout');
  assert.equal((await run(server, all.filter(i => !first.includes(i)), () => 'confirmed')).length, 5);
  await text('.acts', /done/);
  await text('#reason', /stable offers 1\.1\.0 to everyone/);
  assert.equal((await server.api('GET', 'channels')).channels[0].version, '1.1.0');
});

test('a rollout that stops itself says why in a sentence, with its failures grouped and what to do', async t => {
  const {server, page, text, go} = await ready(t, 20);
  await begin(server, {stages: '100%'});
  await go('rollouts/1');
  await text('.stages', /20 devices/);
  await run(server, Array.from({length: 20}, (_, i) => i), i => i < 3 ? 'rolled_back' : 'confirmed');
  await text('.acts', /stopped itself/);
  await text('#reason', /rolled back[^]*5 %/);
  await text('#failures', /3\s+panic <img src=x/);
  const remedy = (await server.api('GET', 'rollouts/1')).rollout.failures[0].remedy;
  assert.ok((await page.innerText('#failures')).includes(remedy));
  assert.equal(await page.$$eval('#failures tbody tr', rows => rows.length), 1);
  await page.waitForFunction(() => document.querySelectorAll('.members a').length === 3, null, WAIT); /* the last have ended */
  await shot(page, 'rollout-stopped');
  await page.click('.acts button:has-text("Retry failed")');
  await page.click('dialog button.primary');
  await text('.acts', /running/);
  await go('rollouts');
  await text('#rollouts', /demo 1\.1\.0[^]*running[^]*17 confirmed of 20/);
  await page.waitForSelector('#rollouts .state-bar', WAIT);
});
