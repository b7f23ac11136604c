/* One device: what it says of itself, what it is meant to run, and every update with its end. */
import {useLive} from '../live.js';
import {href} from '../route.js';
import {Attempts, Card, Cli, Empty, Head, Loaded, Pill, Progress, When, Why} from '../ui.jsx';
import {BAD, chipName, command} from '../words.js';
import {EditLabels, Retry} from './labels.jsx';

/* The server offers a version no more to a device that has rolled it back. */
export const heldBack = device => Boolean(device.target && device.attempt && device.attempt.state === 'rolled_back' && device.attempt.to === device.target);

export const Target = ({device}) => !device.target ? '–' : heldBack(device)
  ? <span class="held"><span class="mono">{device.target}</span> <span class="nowrap">held back</span></span>
  : device.target !== device.version ? <span class="arrow">→ {device.target}</span> : <span class="mono">{device.target}</span>;

export const StateCell = ({device}) => <>
  <Pill state={device.state} />
  {device.state === 'downloading' && <><Progress value={device.progress || 0} label="Download" /><span class="sub">{device.progress || 0} %</span></>}
</>;

export const Tags = ({tags}) => <span class="tags">{tags.map(tag => <span key={tag} class="pill">{tag}</span>)}</span>;

function Facts({device}) {
  const rows = [['Identity', <span class="mono">{device.id}</span>], ['Name', device.name], ['Product', device.product], ['Chip', device.chip && chipName(device.chip)], ['Board', device.board], ['Layout', device.layout], ['Group', device.group],
    ['Tags', device.tags?.length > 0 && <Tags tags={device.tags} />],
    ['Channel', device.channel && device.channel + (device.assigned_channel ? ', assigned here' : '')], ['Runs', device.version && <span class="mono">{device.version}</span>], ['Slot', device.slot && <span class="mono">{device.slot}</span>],
    ['Confirmed', device.confirmed ? <span class="good">✓ yes</span> : 'not yet'], ['Meant to run', <Target device={device} />],
    ['Address', device.address && <span class="mono">{device.address}</span>], ['Last seen', <When ms={device.last_seen} />]];
  return <dl class="facts">{rows.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

export function Device({id}) {
  const path = encodeURIComponent(id), one = useLive('api/v1/devices/' + path), attempts = useLive('api/v1/attempts?limit=50&device=' + path);
  return <>
    <p class="back"><a href={href(['devices'])}>← Devices</a></p>
    <Head title={one.data?.device.name || id} />
    <Loaded of={one}>{({device}) => <Card title="Now" actions={<StateCell device={device} />}><div class="pad">
        <Facts device={device} />
        {device.attempt?.error && <Why error={device.attempt.error} />}
        {device.attempt && BAD.includes(device.attempt.state) && <div class="buttons"><Retry device={device} /></div>}
        {heldBack(device) && <p class="note">It rolled {device.target} back, so the server does not offer that version to it again. See below what the image said; publish a new version, or let it try again.</p>}
      </div></Card>}</Loaded>
    <Card title="Updates" note="newest first"><Loaded of={attempts}>{data => data.attempts.length === 0
      ? <Empty title="No update is on record yet">They appear when the device asks for one, or reports one.</Empty>
      : <Attempts attempts={data.attempts} device={id} />}</Loaded>
      <div class="pad"><Cli>{command('devices', '--json')}</Cli></div></Card>
    {one.data && <EditLabels device={one.data.device} />}
  </>;
}
