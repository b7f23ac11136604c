/* Which versions of a product run now, and how that came about. */
import {useEffect, useMemo, useState} from 'preact/hooks';
import {useLive} from '../live.js';
import {href} from '../route.js';
import {Card, Select} from '../ui.jsx';
import {byName, count, percent} from '../words.js';

const MOST = 7, COLOURS = Array.from({length: MOST + 1}, (_, i) => '--v' + i);

/* The versions that most devices run or ran, newest name on top; what is left in one. */
function shape(answer) {
  const moments = [...answer.history, answer.now];
  const most = new Map();
  for (const moment of moments)
    for (const {version, devices} of moment.versions)
      most.set(version, Math.max(most.get(version) || 0, devices));
  const kept = [...most].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([version]) => version).sort((a, b) => byName.compare(a, b));
  const number = (moment, version) => moment.versions.find(row => row.version === version)?.devices || 0;
  const versions = kept.map(version => ({name: version || 'not told', version, devices: moments.map(moment => number(moment, version))}));
  if (most.size > kept.length)
    versions.unshift({name: 'others', version: null, devices: moments.map(moment => moment.versions.filter(row => !kept.includes(row.version)).reduce((sum, row) => sum + row.devices, 0))});
  return {times: moments.map(moment => moment.at / 1000), versions};
}

const time = s => new Date(s * 1000).toLocaleString(undefined, {dateStyle: 'short', timeStyle: 'short'});

function Table({data}) {
  /* Every moment would be thousands of cells: at most 24, the newest always among them. */
  const step = Math.ceil(data.times.length / 24), picked = data.times.map((_, i) => i).filter(i => (data.times.length - 1 - i) % step === 0).reverse();
  return <details class="pad"><summary>As a table</summary><div class="scroll" tabIndex="0" role="region" aria-label="Versions over time"><table>
    <thead><tr><th scope="col">When</th>{data.versions.map(version => <th key={version.name} scope="col">{version.name}</th>)}</tr></thead>
    <tbody>{picked.map(i => <tr key={i}><td class="nowrap">{time(data.times[i])}</td>{data.versions.map(version => <td key={version.name} class="num">{count(version.devices[i])}</td>)}</tr>)}</tbody>
  </table></div></details>;
}

export function Versions({products}) {
  const [wanted, setWanted] = useState(''), product = products.includes(wanted) ? wanted : products[0];
  const answer = useLive('api/v1/history?limit=1000&product=' + encodeURIComponent(product)), [Chart, setChart] = useState(null);
  const data = useMemo(() => answer.data && shape(answer.data), [answer.data]);
  const drawn = data && data.times.length > 1;
  useEffect(() => { if (drawn) import('../chart.jsx').then(module => setChart(() => module.Chart)); }, [drawn]);
  if (!data || data.versions.length === 0)
    return null;
  const all = answer.data.now.versions.reduce((sum, row) => sum + row.devices, 0), rows = data.versions.map((version, i) => ({...version, colour: COLOURS[i], devices: version.devices.at(-1)})).reverse();
  return <Card title="Versions" note={drawn ? 'since ' + time(data.times[0]) : 'now; the chart begins with the first full hour'}
    actions={products.length > 1 && <div class="inline-select"><Select label="Product" value={product} onValue={setWanted} options={products} /></div>}>
    {drawn && <div class="pad">{Chart ? <Chart data={data} colours={COLOURS} label={'Devices of ' + product + ' by version over time; the table below has the numbers'} /> : <div class="chart" />}</div>}
    <div class="scroll" tabIndex="0" role="region" aria-label="Versions now"><table id="versions">
      <thead><tr><th scope="col">Version</th><th scope="col">Devices now</th><th scope="col">Part</th></tr></thead>
      <tbody>{rows.map(row => <tr key={row.name}><td><i class="swatch" style={{background: `var(${row.colour})`}} aria-hidden="true" /> {row.version
        ? <a class="mono" href={href(['devices'], {product, filter: 'version=' + row.version})}>{row.name}</a> : row.name}</td>
        <td class="num">{count(row.devices)}</td><td><span class="meter"><i style={{width: percent(row.devices, all) + '%', background: `var(${row.colour})`}} /></span>{percent(row.devices, all)} %</td></tr>)}</tbody>
    </table></div>
    {drawn && <Table data={data} />}
  </Card>;
}
