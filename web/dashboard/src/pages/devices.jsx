/* The table of devices: find, sort, look closer. */
import {useMemo, useState} from 'preact/hooks';
import {useLive} from '../live.js';
import {href, refine, useRested, useRoute} from '../route.js';
import {Card, Cli, Empty, Head, Loaded, When} from '../ui.jsx';
import {BAD, BUSY, byName, chipName, count, errorText} from '../words.js';
import {FirstSteps} from './overview.jsx';
import {StateCell, Target} from './device.jsx';

const STATES = [['', 'every state'], ['confirmed', 'confirmed'], ['busy', 'updating'], ['trial', 'on trial'], ['bad', 'failed or rolled back'], ['seen', 'only seen']];
const COLUMNS = [
  {key: 'name', title: 'Name', of: device => device.name || device.id},
  {key: 'product', title: 'Product', of: device => device.product, size: 'wide'},
  {key: 'chip', title: 'Chip', of: device => device.chip, size: 'wide'},
  {key: 'version', title: 'Version', of: device => device.version},
  {key: 'slot', title: 'Slot', of: device => device.slot, size: 'wide'},
  {key: 'confirmed', title: 'Confirmed', of: device => device.confirmed ? 'a' : 'b', size: 'medium'},
  {key: 'target', title: 'Target', of: device => device.target, size: 'wide'},
  {key: 'state', title: 'State', of: device => device.state},
  {key: 'last_seen', title: 'Last seen', of: device => -device.last_seen, size: 'wide'},
];

const inState = (device, wanted) => !wanted || (wanted === 'bad' ? BAD : wanted === 'busy' ? BUSY : [wanted]).includes(device.state);
const has = (device, text) => [device.id, device.name, device.product, device.chip, device.version, device.channel, device.target, device.address]
  .some(value => value && value.toLowerCase().includes(text));

function Row({device}) {
  const error = device.attempt && BAD.includes(device.state) && device.attempt.error;
  return <tr>
    <td><a class="name" href={href(['devices', device.id])}>{device.name || device.id}</a><span class="sub mono">{device.name ? device.id : device.address}</span>
      <span class="sub small-only">{[device.product, chipName(device.chip)].filter(Boolean).join(' · ')}</span></td>
    <td class="wide">{device.product || '–'}</td><td class="wide nowrap">{chipName(device.chip)}</td>
    <td><span class="mono">{device.version || '?'}</span><span class="small-only">{device.target && device.target !== device.version && <Target device={device} />}</span></td>
    <td class="wide mono">{device.slot || '–'}</td>
    <td class="medium nowrap">{device.confirmed ? <span class="tick">✓ yes</span> : <span class="sub">not yet</span>}</td>
    <td class="wide" title={device.channel ? 'channel ' + device.channel : 'not following a channel'}><Target device={device} /></td>
    <td><StateCell device={device} />{error && <span class="sub">{errorText(error)}</span>}<span class="sub small-only"><When ms={device.last_seen} /></span></td>
    <td class="wide"><When ms={device.last_seen} /></td>
  </tr>;
}

function Columns({sort}) {
  const down = sort.startsWith('-'), by = sort.replace(/^-/, '');
  return <thead><tr>{COLUMNS.map(column => <th key={column.key} scope="col" class={column.size} aria-sort={by === column.key ? down ? 'descending' : 'ascending' : undefined}>
    <button type="button" class="sort" onClick={() => refine({sort: by === column.key && !down ? '-' + column.key : column.key})}>{column.title}
      <span aria-hidden="true">{by === column.key ? down ? ' ↓' : ' ↑' : ''}</span></button></th>)}</tr></thead>;
}

export function Devices() {
  const {query} = useRoute(), list = useLive('api/v1/devices?limit=1000'), [shown, setShown] = useState(100);
  const sort = query.sort || 'name', text = useRested(query.filter || '', 150).trim().toLowerCase();
  const found = useMemo(() => {
    const by = COLUMNS.find(column => column.key === sort.replace(/^-/, '')) || COLUMNS[0], way = sort.startsWith('-') ? -1 : 1;
    return (list.data?.devices || []).filter(device => inState(device, query.state) && (!text || has(device, text)))
      .sort((a, b) => { const x = by.of(a), y = by.of(b); return way * (typeof x === 'number' ? x - y : byName.compare(x, y)) || (a.id < b.id ? -1 : 1); });
  }, [list.data, text, sort, query.state]);
  return <><Head title="Devices" note={list.data && count(found.length) + (text || query.state ? ' of ' + count(list.data.devices.length) : '')} />
    <form class="filters" role="search" onSubmit={event => event.preventDefault()}>
      <label class="hidden" for="filter">Filter</label>
      <input id="filter" type="search" placeholder="name, id, product, version, channel…" value={query.filter || ''} spellcheck={false} onInput={event => refine({filter: event.currentTarget.value})} />
      <label class="hidden" for="state">State</label>
      <select id="state" value={query.state || ''} onChange={event => refine({state: event.currentTarget.value})}>{STATES.map(([key, word]) => <option key={key} value={key}>{word}</option>)}</select>
    </form>
    <Card title="Devices" quiet>
      <Loaded of={list}>{data => data.devices.length === 0 ? <FirstSteps /> : found.length === 0
        ? <Empty title="None is like that"><button type="button" onClick={() => refine({filter: '', state: ''})}>Show all</button></Empty>
        : <><div class="scroll" tabIndex="0" role="region" aria-label="Devices"><table id="devices"><Columns sort={sort} />
          <tbody>{found.slice(0, shown).map(device => <Row key={device.id} device={device} />)}</tbody></table></div>
        {found.length > shown && <p class="pad"><button type="button" onClick={() => setShown(shown + 200)}>Show more</button> <span class="sub inline">{count(found.length - shown)} more</span></p>}
        {data.next !== null && <p class="pad sub" id="more-devices">The table has the first {count(data.devices.length)} of them; ‘updraft devices’ lists all.</p>}</>}</Loaded>
      <div class="pad"><Cli>updraft devices</Cli></div>
    </Card></>;
}
