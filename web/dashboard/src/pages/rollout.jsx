/* One rollout: its stages by state with the limits drawn on them, why it stands, and the buttons. */
import {useState} from 'preact/hooks';
import {ask} from '../api.js';
import {announce, lookSoon, useLive} from '../live.js';
import {href} from '../route.js';
import {Card, Cli, Dialog, Head, Legend, Loaded, Pill, StateBar, useAction, When} from '../ui.jsx';
import {command, count, ENDED, percent, plural, ROLLOUT_ORDER, span} from '../words.js';
import {stageWords} from './rollouts.jsx';

const total = counts => Object.values(counts || {}).reduce((sum, number) => sum + number, 0);
const LIMITS = [['rolled_back', 'Rolled back', 'rolled_back_most'], ['failed', 'Failed', 'failed_most'], ['silent', 'Silent', 'silent_most']];

/* What can be done, and what it means. */
const ACTIONS = {
  pause: {title: 'Pause', when: ['scheduled', 'running'], text: 'No further device is offered the release until you resume. What has begun goes on.', done: 'paused'},
  resume: {title: 'Resume', when: ['paused', 'stopped'], primary: true, text: 'Devices of the stages so far are offered the release again, and the limits are looked at again.', done: 'resumed'},
  retry: {title: 'Retry failed', when: ['stopped', 'paused', 'running'], needsBad: true, text: 'Devices that failed or rolled back are offered the release again. What happened before does not count against the limits.', done: 'failed devices are tried again'},
  abort: {title: 'Abort', when: ['scheduled', 'running', 'paused', 'stopped'], danger: true, text: 'For good: the channel stays at its old release. Devices that run the new one keep it, and nobody is taken back.', done: 'aborted'},
};

function Act({rollout, name, onClose, done}) {
  const row = ACTIONS[name];
  const action = useAction(() => ask('POST', 'api/v1/rollouts/' + rollout.id + '/' + name), () => { announce('rollout ' + row.done); lookSoon(); done(); });
  return <Dialog title={row.title + ' ' + rollout.product + ' ' + rollout.version + '?'} confirm={row.title} danger={row.danger} action={action} onClose={onClose}
    cli={command('rollout', name, String(rollout.id))}><p>{row.text}</p></Dialog>;
}

/* Members in numbers, against each limit. A real table: the bars only repeat it. */
function Limits({rollout, counts, size}) {
  const {gates} = rollout, confirmed = counts.confirmed || 0;
  const rows = [{key: 'confirmed', name: 'Confirmed', number: confirmed, limit: gates.confirmed_least, word: 'goes on at', met: percent(confirmed, size) >= gates.confirmed_least},
    ...LIMITS.map(([key, name, gate]) => ({key, name, number: counts[key] || 0, limit: gates[gate], word: 'stops above', over: percent(counts[key] || 0, size) > gates[gate]}))];
  return <div class="scroll" tabIndex="0" role="region" aria-label="Limits"><table class="limits">
    <thead><tr><th scope="col">Of this stage</th><th scope="col">Devices</th><th scope="col" class="gauge">Part</th><th scope="col">Limit</th></tr></thead>
    <tbody>{rows.map(row => <tr key={row.key}><th scope="row">{row.name}</th><td class="num">{count(row.number)}</td>
      <td class="gauge"><span class={'gauge-bar ' + row.key}><i class={'part ' + row.key} style={{width: Math.min(100, percent(row.number, size)) + '%'}} /><b style={{left: Math.min(100, row.limit) + '%'}} /></span></td>
      <td><span class={row.over ? 'bad' : row.met ? 'good' : ''}>{percent(row.number, size)} %</span> <span class="sub inline">{row.word} {row.limit} %</span></td></tr>)}</tbody>
  </table></div>;
}

function Stage({rollout, stage, index}) {
  const now = index === rollout.stage && !['done', 'scheduled'].includes(rollout.state), over = index < rollout.stage || rollout.state === 'done';
  const counts = stage.counts || {}, size = stage.size ?? total(stage.counts);
  const marks = size > 0 ? [{side: 'from-left', at: rollout.gates.confirmed_least, text: 'goes on at ' + rollout.gates.confirmed_least + ' % confirmed'},
    {side: 'from-right', at: 100 - rollout.gates.rolled_back_most, text: 'stops above ' + rollout.gates.rolled_back_most + ' % rolled back'}] : [];
  return <li class={'stage' + (now ? ' now' : '')} aria-current={now ? 'step' : undefined}>
    <div class="stage-head"><strong>{stage.goal}</strong><span class="sub inline">{over ? 'done' : now ? 'now' : 'later'}{stage.size === null ? '' : ' · ' + (stage.counts ? '' : 'about ') + plural(stage.size, 'device')}</span></div>
    {stage.counts ? <><StateBar counts={counts} order={ROLLOUT_ORDER} total={size} marks={marks} label={'Stage ' + (index + 1)} /><Legend counts={counts} order={ROLLOUT_ORDER} /></>
      : <div class="bar-box"><div class="state-bar empty-bar" role="img" aria-label={'Stage ' + (index + 1) + ': not begun'} /></div>}
    {now && stage.counts && <Limits rollout={rollout} counts={counts} size={size} />}
  </li>;
}

function Failures({failures}) {
  return <Card title="Failures" note="by reason, the most frequent first"><div class="scroll" tabIndex="0" role="region" aria-label="Failures"><table id="failures">
    <thead><tr><th scope="col">Devices</th><th scope="col">Reason</th><th scope="col" class="medium">Code</th></tr></thead>
    <tbody>{failures.map(row => <tr key={row.code + row.name}><td class="num">{count(row.count)}</td>
      <td><div class="why">{row.text || row.name.replaceAll('_', ' ')}<span class="sub">{row.remedy}</span></div></td><td class="medium mono">{row.code} {row.name}</td></tr>)}</tbody>
  </table></div></Card>;
}

function Facts({rollout}) {
  const {gates} = rollout;
  const rows = [['Product', rollout.product], ['Channel', rollout.channel], ['From', <span class="mono">{rollout.from}</span>], ['To', <span class="mono">{rollout.version}</span>],
    ['Devices', rollout.filter ? <code>{rollout.filter}</code> : 'all on the channel'], ['Next stage after', gates.confirmed_least + ' % confirmed' + (gates.soak_s ? ', held for ' + span(gates.soak_s * 1000) : '')],
    ['Silent after', span(gates.silent_after_s * 1000)], ['Hours', rollout.window ? rollout.window.from + ' to ' + rollout.window.to + ' UTC' : 'at any time'],
    ['Rate', rollout.rate_per_min ? rollout.rate_per_min + ' a minute' : 'no limit'], ['After a stage', rollout.pause_on_success ? 'waits for you' : 'goes on by itself'],
    ['Begins', rollout.state === 'scheduled' && rollout.start ? <When ms={rollout.start} /> : null], ['Made', <><When ms={rollout.created} /> by {rollout.by}</>]];
  return <dl class="facts">{rows.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

/* One sentence that says how it stands, whether anything is wrong or not. */
function Standing({rollout}) {
  const bad = rollout.state === 'stopped';
  if (rollout.reason)
    return <div class={bad ? 'failure' : 'note'} id="reason"><strong>{rollout.reason.replace(/\.?$/, '.')}</strong>{rollout.remedy && <> {rollout.remedy}</>}</div>;
  const stage = rollout.stages[rollout.stage], counts = stage?.counts || {}, size = stage?.size ?? total(stage?.counts);
  const ended = ENDED.reduce((sum, state) => sum + (counts[state] || 0), 0);
  const text = {scheduled: 'It has not begun.', running: count(ended) + ' of ' + count(size) + ' in this stage have ended, ' + count(counts.confirmed || 0) + ' of them confirmed.',
    done: 'The channel ' + rollout.channel + ' offers ' + rollout.version + ' to everyone.', aborted: 'It was aborted.', paused: 'It waits for you.'}[rollout.state];
  return text && <p id="reason" class="sub standing">{text}</p>;
}

function Shown({rollout}) {
  const [asked, setAsked] = useState(null);
  const bad = (rollout.counts.failed || 0) + (rollout.counts.rolled_back || 0) > 0;
  const able = Object.keys(ACTIONS).filter(name => ACTIONS[name].when.includes(rollout.state) && (!ACTIONS[name].needsBad || bad));
  return <>
    <div class="acts" role="group" aria-label="Rollout">
      <div class="acts-state"><Pill state={rollout.state} /><span>{stageWords(rollout)}</span></div>
      {able.map(name => <button key={name} type="button" class={ACTIONS[name].danger ? 'danger' : ACTIONS[name].primary ? 'primary' : ''} onClick={() => setAsked(name)}>{ACTIONS[name].title}</button>)}
    </div>
    <Standing rollout={rollout} />
    <Card title="Stages" note="a stage holds those before it"><ol class="stages">{rollout.stages.map((stage, index) => <Stage key={index} rollout={rollout} stage={stage} index={index} />)}</ol></Card>
    {rollout.failures?.length > 0 && <Failures failures={rollout.failures} />}
    <Devices devices={rollout.devices} />
    <Card title="How it goes"><div class="pad"><Facts rollout={rollout} /><Cli>{command('rollout', 'show', String(rollout.id))}</Cli></div></Card>
    {asked && <Act rollout={rollout} name={asked} onClose={() => setAsked(null)} done={() => setAsked(null)} />}
  </>;
}

/* Examples of each state that somebody may want to look into. */
function Devices({devices}) {
  const rows = Object.entries(devices || {}).filter(([state, ids]) => Array.isArray(ids) && ids.length > 0 && !['confirmed', 'waiting', 'seen'].includes(state));
  return rows.length > 0 && <Card title="Devices to look at" note="some of each state"><dl class="pad members">{rows.map(([state, ids]) => <div key={state}>
    <dt><Pill state={state} /></dt><dd class="tags">{ids.map(id => <a key={id} class="mono" href={href(['devices', id])}>{id}</a>)}</dd></div>)}</dl></Card>;
}

export function Rollout({id}) {
  const one = useLive('api/v1/rollouts/' + encodeURIComponent(id));
  const rollout = one.data?.rollout;
  return <><p class="back"><a href={href(['rollouts'])}>← Rollouts</a></p>
    <Head title={rollout ? rollout.product + ' ' + rollout.version + ' on ' + rollout.channel : 'Rollout ' + id} />
    <Loaded of={one}>{data => <Shown rollout={data.rollout} />}</Loaded></>;
}
