/* The table of devices: find, sort, look closer. */
import {useMemo, useState} from 'preact/hooks';
import {query as address} from '../api.js';
import {useLive} from '../live.js';
import {href, refine, useRested, useRoute} from '../route.js';
import {Card, Cli, Copy, Empty, Head, Loaded, When} from '../ui.jsx';
import {BAD, BUSY, byName, chipName, count, errorText, plural} from '../words.js';
import {ChangeMany} from './labels.jsx';
import {FirstSteps} from './overview.jsx';
import {StateCell, Tags, Target} from './device.jsx';

const STATES = [['', 'every state'], ['confirmed', 'confirmed'], [BUSY.join(), 'updating'], ['trial', 'on trial'], [BAD.join(), 'failed or rolled back'], ['seen', 'only seen']];
const COLUMNS = [
  {key: 'name', title: 'Name', of: device => device.name || device.id},
  {key: 'product', title: 'Product', of: device => device.product, size: 'wide'},
  {key: 'chip', title: 'Chip', of: device => device.chip, size: 'wide'},
  {key: 'group', title: 'Group', of: device => device.group || '', size: 'wide'},
  {key: 'version', title: 'Version', of: device => device.version},
  {key: 'slot', title: 'Slot', of: device => device.slot, size: 'wide'},
  {key: 'confirmed', title: 'Confirmed', of: device => device.confirmed ? 'a' : 'b', size: 'medium'},
  {key: 'target', title: 'Target', of: device => device.target, size: 'wide'},
  {key: 'state', title: 'State', of: device => device.state},
  {key: 'last_seen', title: 'Last seen', of: device => -device.last_seen, size: 'wide'},
];

/* What the server can sort by; by the rest, and by name where nobody chose, what came is sorted here. */
const SORTED = ['name', 'version', 'product', 'group', 'state'];

/* Words are looked for; what has an operator is a filter, as of rollouts. */
const isFilter = text => /[=~<>]/.test(text);
const asked = (query, text) => address('api/v1/devices', {limit: 1000, sort: SORTED.includes(query.sort?.replace(/^-/, '')) ? query.sort : '', [isFilter(text) ? 'filter' : 'search']: text, state: query.state, product: query.product, channel: query.channel});

function Row({device, chosen, choose}) {
  const error = device.attempt && BAD.includes(device.state) && device.attempt.error;
  return <tr class={chosen ? 'chosen' : ''}>
    <td class="pick"><input type="checkbox" checked={chosen} aria-label={'Select ' + (device.name || device.id)} onChange={choose} /></td>
    <td><a class="name" href={href(['devices', device.id])}>{device.name || device.id}</a><span class="sub mono">{device.name ? device.id : device.address}</span>
      <span class="sub small-only">{[device.product, chipName(device.chip)].filter(Boolean).join(' · ')}</span></td>
    <td class="wide">{device.product || '–'}</td><td class="wide nowrap">{chipName(device.chip)}</td>
    <td class="wide any">{device.group || '–'}{device.tags?.length > 0 && <Tags tags={device.tags} />}</td>
    <td><span class="mono">{device.version || '?'}</span><span class="small-only">{device.target && device.target !== device.version && <Target device={device} />}</span></td>
    <td class="wide mono">{device.slot || '–'}</td>
    <td class="medium nowrap">{device.confirmed ? <span class="tick">✓ yes</span> : <span class="sub">not yet</span>}</td>
    <td class="wide" title={device.channel ? 'channel ' + device.channel : 'not following a channel'}><Target device={device} /></td>
    <td><StateCell device={device} />{error && <span class="sub">{errorText(error)}</span>}<span class="sub small-only"><When ms={device.last_seen} /></span></td>
    <td class="wide"><When ms={device.last_seen} /></td>
  </tr>;
}

function Columns({sort, all, chooseAll}) {
  const down = sort.startsWith('-'), by = sort.replace(/^-/, '');
  return <thead><tr><th scope="col" class="pick"><input type="checkbox" checked={all} aria-label="Select all that are shown" onChange={chooseAll} /></th>{COLUMNS.map(column => <th key={column.key} scope="col" class={column.size} aria-sort={by === column.key ? down ? 'descending' : 'ascending' : undefined}>
    <button type="button" class="sort" onClick={() => refine({sort: by === column.key && !down ? '-' + column.key : column.key})}>{column.title}
      <span aria-hidden="true">{by === column.key ? down ? ' ↓' : ' ↑' : ''}</span></button></th>)}</tr></thead>;
}

const cell = value => /[",\n]/.test(value) || /^[=+@-]/.test(value) ? '"' + (/^[=+@-]/.test(value) ? "'" : '') + value.replaceAll('"', '""') + '"' : value;
function save(devices) {
  const fields = ['id', 'name', 'product', 'chip', 'channel', 'version', 'slot', 'confirmed', 'state', 'target', 'last_seen', 'address'];
  const text = [fields.join(), ...devices.map(device => fields.map(name => cell(name === 'last_seen' ? new Date(device.last_seen).toISOString() : String(device[name] ?? ''))).join())].join('\n') + '\n';
  const link = document.createElement('a'), url = URL.createObjectURL(new Blob([text], {type: 'text/csv'}));
  Object.assign(link, {href: url, download: 'devices.csv'}).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function Chosen({devices, clear}) {
  const [changing, setChanging] = useState(false);
  return <div class="acts" role="group" aria-label="Selected devices"><div class="acts-state" role="status">{plural(devices.length, 'device')} selected</div>
    <button type="button" class="primary" onClick={() => setChanging(true)}>Change…</button>
    <Copy text={devices.map(device => device.id).join('\n')} label="Copy ids" />
    <button type="button" onClick={() => save(devices)}>Save as CSV</button><button type="button" onClick={clear}>Clear</button>
    {changing && <ChangeMany devices={devices} onClose={() => setChanging(false)} done={() => setChanging(false)} />}</div>;
}

export function Devices() {
  const {query} = useRoute(), text = useRested(query.filter || '', 250).trim(), list = useLive(asked(query, text)), [shown, setShown] = useState(100), [chosen, setChosen] = useState(new Set());
  const sort = query.sort || 'name', narrowed = Boolean(text || query.state || query.product || query.channel);
  const found = useMemo(() => {
    const by = COLUMNS.find(column => column.key === sort.replace(/^-/, '')) || COLUMNS[0], way = sort.startsWith('-') ? -1 : 1;
    return [...list.data?.devices || []].sort((a, b) => { const x = by.of(a), y = by.of(b); return way * (typeof x === 'number' ? x - y : byName.compare(x, y)) || (a.id < b.id ? -1 : 1); });
  }, [list.data, sort]);
  const visible = found.slice(0, shown), picked = found.filter(device => chosen.has(device.id)), all = visible.length > 0 && visible.every(device => chosen.has(device.id));
  const choose = (ids, on) => setChosen(old => { const next = new Set(old); for (const id of ids) on ? next.add(id) : next.delete(id); return next; });
  return <><Head title="Devices" note={list.data && count(found.length) + (list.data.next === null ? '' : ' and more') + (narrowed ? ' of this kind' : '')}
    actions={text && isFilter(text) && !list.failure && <a class="button" href={href(['rollouts', 'new'], {filter: text, product: query.product, channel: query.channel})}>New rollout for these</a>} />
    <form class="filters" role="search" onSubmit={event => event.preventDefault()}>
      <label class="hidden" for="filter">Search or filter</label>
      <input id="filter" type="search" placeholder="a piece of name, id, version or address – or a filter: version<1.2 name~hall*" value={query.filter || ''} spellcheck={false} onInput={event => refine({filter: event.currentTarget.value})} />
      <label class="hidden" for="state">State</label>
      <select id="state" value={query.state || ''} onChange={event => refine({state: event.currentTarget.value})}>{STATES.map(([key, word]) => <option key={key} value={key}>{word}</option>)}</select>
      {(query.product || query.channel) && <button type="button" onClick={() => refine({product: '', channel: ''})}>only {[query.product, query.channel].filter(Boolean).join(', ')} ✕</button>}
    </form>
    {picked.length > 0 && <Chosen devices={picked} clear={() => setChosen(new Set())} />}
    <Card title="Devices" quiet>
      <Loaded of={list}>{data => found.length === 0 && !narrowed ? <FirstSteps /> : found.length === 0
        ? <Empty title="None is like that"><button type="button" onClick={() => refine({filter: '', state: '', product: '', channel: ''})}>Show all</button></Empty>
        : <><div class="scroll" tabIndex="0" role="region" aria-label="Devices" aria-busy={list.busy}><table id="devices"><Columns sort={sort} all={all} chooseAll={() => choose(visible.map(device => device.id), !all)} />
          <tbody>{visible.map(device => <Row key={device.id} device={device} chosen={chosen.has(device.id)} choose={() => choose([device.id], !chosen.has(device.id))} />)}</tbody></table></div>
        {found.length > shown && <p class="pad"><button type="button" onClick={() => setShown(shown + 200)}>Show more</button> <span class="sub inline">{count(found.length - shown)} more</span></p>}
        {data.next !== null && <p class="pad sub" id="more-devices">The table has the first {count(data.devices.length)} of these, in order of arrival; narrow it down, or see all with ‘updraft devices’.</p>}</>}</Loaded>
      <div class="pad"><Cli>updraft devices</Cli></div>
    </Card></>;
}
