/* A new rollout; while it is written the server says how many devices it would reach. */
import {useEffect, useState} from 'preact/hooks';
import {ask} from '../api.js';
import {announce, lookSoon, overview, useStore} from '../live.js';
import {go, href, useRested, useRoute} from '../route.js';
import {Card, Cli, Empty, Failure, Head, Input, Select, useAction, useProducts} from '../ui.jsx';
import {command, count, plural} from '../words.js';

const FIRST = {filter: '', stages: '1% 10% 50% 100%', confirmed_least: '95', failed_most: '10', rolled_back_most: '5', silent_most: '10', soak: '600', silent_after: '86400',
  start: '', from: '', to: '', rate: '', pause: false};
const SOAKS = [['0', 'none'], ['60', '1 minute'], ['600', '10 minutes'], ['3600', '1 hour'], ['86400', '1 day'], ['259200', '3 days']];
const SILENCES = [['3600', '1 hour'], ['21600', '6 hours'], ['86400', '1 day'], ['259200', '3 days'], ['604800', '1 week']];

/* The answer to the newest question; older ones are dropped. */
function usePreview(question) {
  const text = useRested(JSON.stringify(question), 300), [state, set] = useState({});
  useEffect(() => {
    const body = JSON.parse(text), end = new AbortController();
    if (!body.product || !body.channel || !body.version)
      return;
    ask('POST', 'api/v1/rollouts/preview', {body, signal: end.signal}).then(({data}) => set({data}), failure => { if (failure.name !== 'AbortError') set({failure}); });
    return () => end.abort();
  }, [text]);
  return state;
}

function Preview({preview}) {
  if (preview.failure)
    return <Failure failure={preview.failure} />;
  if (!preview.data)
    return <p class="sub" role="status">…</p>;
  const {matched, on_target: onTarget, unreachable} = preview.data;
  return <div class="preview" role="status" id="preview">
    <p><strong>{plural(matched, 'device')}</strong> {matched === 1 ? 'is' : 'are'} meant{onTarget > 0 ? ', ' + count(onTarget) + ' of them run it already' : ''}{unreachable > 0 ? ', ' + count(unreachable) + ' cannot be reached' : ''}.</p>
    <ol>{preview.data.stages.map((stage, index) => <li key={index}><span>{stage.goal}</span> {plural(stage.size, 'device')}</li>)}</ol>
  </div>;
}

function Form({all, asked}) {
  const products = useProducts(), [values, setValues] = useState({...FIRST, product: asked.product || '', channel: asked.channel || '', version: asked.version || '', filter: asked.filter || ''});
  const set = name => value => setValues(old => ({...old, [name]: value}));
  const product = products.includes(values.product) ? values.product : products[0];
  const channels = all.channels.filter(row => row.product === product);
  const channel = channels.find(row => row.name === values.channel) || channels[0];
  const releases = all.releases.filter(row => row.product === product && row.version !== channel?.version);
  const version = releases.some(row => row.version === values.version) ? values.version : releases[0]?.version || '';
  const what = {product, channel: channel?.name || '', version, filter: values.filter.trim(), stages: values.stages.trim()};
  const preview = usePreview(what);
  const number = text => Number(text);
  const start = useAction(() => ask('POST', 'api/v1/rollouts', {body: {...what,
    gates: {confirmed_least: number(values.confirmed_least), failed_most: number(values.failed_most), rolled_back_most: number(values.rolled_back_most),
      silent_most: number(values.silent_most), soak_s: number(values.soak), silent_after_s: number(values.silent_after)},
    ...(values.start ? {start: new Date(values.start).getTime()} : {}), ...(values.from && values.to ? {window: {from: values.from, to: values.to}} : {}),
    ...(values.rate ? {rate_per_min: number(values.rate)} : {}), pause_on_success: values.pause}}),
  ({data}) => { announce('rollout started'); lookSoon(); go(href(['rollouts', String(data.rollout.id)])); });
  const percent = (name, label, hint) => <Input label={label} hint={hint} type="number" min="0" max="100" required value={values[name]} onValue={set(name)} />;
  if (!channel)
    return <Empty title="There is no channel to move">Publish a first release to a channel; its devices get later ones by rollouts. <a href={href(['releases'])}>Releases</a></Empty>;
  return <form onSubmit={event => { event.preventDefault(); start.run(); }}>
    <fieldset><legend>What</legend><div class="fields">
      <Select label="Product" value={product} onValue={set('product')} options={products} />
      <Select label="Channel" value={channel.name} onValue={set('channel')} options={channels.map(row => row.name)} hint={'offers ' + channel.version + ' now'} />
      <Select label="Release" value={version} onValue={set('version')} options={releases.map(row => row.version)} hint={releases.length === 0 ? 'there is no other release' : null} />
    </div></fieldset>
    <fieldset><legend>Who, and how many at a time</legend><div class="fields">
      <Input label="Filter" value={values.filter} onValue={set('filter')} wide spellcheck={false} maxLength={255} placeholder="group=garage version<1.2 tag!=lab"
        hint={<>Empty: all on the channel. Terms with blanks between, all of which must hold: <code>id name version chip board group tag attr.NAME</code> with <code>= != ~ !~ &lt; &gt;</code></>} />
      <Input label="Stages" value={values.stages} onValue={set('stages')} required spellcheck={false} hint="parts or numbers of devices; the last is 100%" />
    </div><Preview preview={preview} /></fieldset>
    <fieldset><legend>Limits, in percent of a stage</legend><div class="fields">
      {percent('confirmed_least', 'Confirmed at least', 'then the next stage begins')}
      {percent('rolled_back_most', 'Rolled back at most', 'more stop the rollout')}
      {percent('failed_most', 'Failed at most', 'more stop the rollout')}
      {percent('silent_most', 'Silent at most', 'more stop the rollout')}
      <Select label="Soak time" value={values.soak} onValue={set('soak')} options={SOAKS} hint="how long it must stay good" />
      <Select label="Silent after" value={values.silent_after} onValue={set('silent_after')} options={SILENCES} hint="not heard of for so long" />
    </div></fieldset>
    <details><summary>When, and how fast</summary><div class="fields">
      <Input label="Begin" type="datetime-local" value={values.start} onValue={set('start')} hint="empty: at once" />
      <Input label="Hours from (UTC)" type="time" value={values.from} onValue={set('from')} required={Boolean(values.to)} hint="devices begin only then" />
      <Input label="Hours to (UTC)" type="time" value={values.to} onValue={set('to')} required={Boolean(values.from)} />
      <Input label="Devices a minute" type="number" min="1" max="1000000" value={values.rate} onValue={set('rate')} hint="empty: no limit" />
      <div class="field"><label class="tick-box lower"><input type="checkbox" checked={values.pause} onChange={event => set('pause')(event.currentTarget.checked)} />Wait for me after each stage</label></div>
    </div></details>
    <Failure failure={start.failure} />
    <div class="buttons"><button class="primary" disabled={start.busy || !version || Boolean(preview.failure)}>Start the rollout</button><a href={href(['rollouts'])}>Cancel</a></div>
    <Cli>{startCommand(what, values)}</Cli>
  </form>;
}

const minutes = seconds => Math.ceil(seconds / 60) + 'm';

function startCommand(what, values) {
  const changed = (name, option, value = values[name]) => [option, values[name] === FIRST[name] ? '' : value];
  return command('rollout', 'start', what.product, what.channel, what.version || 'VERSION', ['--filter', what.filter], changed('stages', '--stages', what.stages),
    changed('confirmed_least', '--confirmed-least'), changed('failed_most', '--failed-most'), changed('rolled_back_most', '--rolled-back-most'),
    changed('silent_most', '--silent-most'), changed('soak', '--soak', minutes(values.soak)), changed('silent_after', '--silent-after', minutes(values.silent_after)),
    ['--start-in', values.start ? minutes(Math.max(60, (new Date(values.start) - Date.now()) / 1000)) : ''], ['--window', values.from && values.to ? values.from + '-' + values.to : ''],
    ['--rate', values.rate], ['--pause-on-success', values.pause]);
}

export function NewRollout() {
  const all = useStore(overview), {query} = useRoute();
  return <><p class="back"><a href={href(['rollouts'])}>← Rollouts</a></p><Head title="New rollout" />
    <Card title="New rollout" quiet><div class="pad">{all ? <Form all={all} asked={query} /> : <p class="empty" role="status">Asking the server…</p>}</div></Card></>;
}
