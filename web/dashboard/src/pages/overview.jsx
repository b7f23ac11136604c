/* What every device runs and what it is meant to run, at a glance. */
import {overview, useStore} from '../live.js';
import {href} from '../route.js';
import {Attempts, Card, Empty, Head, Legend, StateBar, useProducts, When} from '../ui.jsx';
import {BAD, BUSY, count, ORDER} from '../words.js';
import {Versions} from './versions.jsx';

function Tile({name, number, tone, filter}) {
  return <a class="tile" href={href(['devices'], filter)}><span>{name}</span><b class={number === 0 ? 'zero' : tone} data-tile={name}>{count(number)}</b></a>;
}

export function Tiles({summary}) {
  const {devices, states} = summary, sum = names => names.reduce((n, name) => n + (states[name] || 0), 0);
  return <div id="tiles" role="group" aria-label="Devices by state">
    <Tile name="Devices" number={devices} filter={{}} />
    <Tile name="Confirmed" number={states.confirmed || 0} tone="good" filter={{state: 'confirmed'}} />
    <Tile name="Updating" number={sum(BUSY)} tone="busy" filter={{state: BUSY.join()}} />
    <Tile name="On trial" number={states.trial || 0} tone="trial" filter={{state: 'trial'}} />
    <Tile name="Failed or rolled back" number={sum(BAD)} tone="bad" filter={{state: BAD.join()}} />
  </div>;
}

export function FirstSteps() {
  const base = location.origin + location.pathname.replace(/\/[^/]*$/, '');
  return <Empty title="No device has asked yet">Point one at this server: esp32-evse by its channel address, Arduino code by its update address.
    <code class="block">{base + '/d/channel/PRODUCT/stable/esp32.json\n' + base + '/d/esp-update/PRODUCT'}</code></Empty>;
}

function Trouble({attempts}) {
  const bad = attempts.filter(a => BAD.includes(a.state)).slice(0, 5);
  return bad.length > 0 && <Card title="What failed last" note="newest first"><Attempts attempts={bad} /></Card>;
}

export function Overview() {
  const all = useStore(overview), products = useProducts();
  if (!all)
    return <><Head title="Overview" /><p class="empty" role="status">Asking the server…</p></>;
  return <>
    <Head title="Overview" />
    <Tiles summary={all.summary} />
    {all.summary.devices === 0 ? <Card title="Devices"><FirstSteps /></Card>
      : <Card title="States"><div class="pad"><StateBar counts={all.summary.states} order={ORDER} label="Devices by state" />
        <Legend counts={all.summary.states} order={ORDER} /></div></Card>}
    {products.length > 0 && <Versions products={products} />}
    <Trouble attempts={all.attempts} />
    <Card title="Channels" note="the release that each one offers">
      {all.channels.length === 0 ? <Empty title="Nothing is published yet"><a href={href(['releases'])}>Publish the application image of your build</a></Empty>
        : <div class="scroll" tabIndex="0" role="region" aria-label="Channels"><table>
          <thead><tr><th scope="col">Product</th><th scope="col">Channel</th><th scope="col">Version</th><th scope="col" class="medium">Published</th></tr></thead>
          <tbody>{all.channels.map(c => <tr key={c.product + '/' + c.name}><td>{c.product}</td><td>{c.name}</td><td class="mono">{c.version}</td>
            <td class="medium"><When ms={all.releases.find(r => r.id === c.release_id)?.created} /></td></tr>)}</tbody>
        </table></div>}
    </Card>
  </>;
}
