/* The first flash of an empty chip, by USB from the browser, with ESP Web Tools. The application comes from a release; boot
 * loader and partition table are files of the build that stay in this browser. */
import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {look, partitions} from '../image.js';
import {announce, overview, useStore} from '../live.js';
import {href, useRoute} from '../route.js';
import {Card, Cli, Empty, Head, Progress, Select, useProducts} from '../ui.jsx';
import {chip as chipRow, chipName, shell, size} from '../words.js';

const TABLE_OFFSET = 0x8000, APP = 0, DATA = 1, FACTORY = 0x00, OTA_0 = 0x10, OTADATA = 0x00;
const hex = number => '0x' + number.toString(16);

/* {bytes, facts or rows, problem} of a file that someone chose. */
async function readLoader(file, slug) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const about = look(bytes.length > 0 ? bytes : new Uint8Array(1));
  const problem = about.kind !== 'image' ? about.problem || 'This is no boot loader'
    : about.chip !== slug ? 'This boot loader is for ' + chipName(about.chip) + ', the release for ' + chipName(slug)
      : about.version ? 'This is an application, not a boot loader' : null;
  return {name: file.name, bytes, problem};
}
async function readTable(file, appSize) {
  const bytes = new Uint8Array(await file.arrayBuffer()), rows = partitions(bytes);
  const app = rows && (rows.find(row => row.type === APP && row.subtype === FACTORY) || rows.find(row => row.type === APP && row.subtype === OTA_0));
  const problem = !rows ? 'This is no partition table; the build leaves it as partition-table.bin or partitions.bin'
    : !app ? 'The table has no place for an application' : app.size < appSize ? 'The application has ' + size(appSize) + ', its place ' + app.name + ' only ' + size(app.size) : null;
  return {name: file.name, bytes, app, otadata: rows?.find(row => row.type === DATA && row.subtype === OTADATA), problem};
}
async function readMerged(file, slug) {
  const bytes = new Uint8Array(await file.arrayBuffer()), at = chipRow(slug).loader;
  return {name: file.name, bytes, problem: bytes[at] === 0xE9 ? null : 'A merged file of ' + chipName(slug) + ' has its boot loader at ' + hex(at) + '; this one has none there'};
}

function File({label, hint, chosen, take}) {
  const [problem, set] = useState(null);
  return <div class="field"><label>{label}<input type="file" accept=".bin" onChange={async event => {
    const file = event.currentTarget.files[0];
    if (file) {
      try { await take(file); set(null); } catch { set('The file cannot be read'); }
    }
  }} /></label><p class={chosen?.problem || problem ? 'why' : 'sub'} role={chosen?.problem ? 'alert' : undefined}>{chosen?.problem || problem || (chosen ? chosen.name + ', ' + size(chosen.bytes.length) : hint)}</p></div>;
}

/* What is written where: [{name, offset, size, path or bytes}], and what is missing for a chip that boots. */
function plan({release, image, way, loader, table, merged, erase}) {
  const app = {name: release.product + ' ' + release.version, path: 'd/image/' + image.sha256, size: image.size};
  if (image.chip === 'esp8266')
    return {parts: [{...app, offset: 0}], missing: []};
  if (way === 'merged')
    return merged && !merged.problem ? {parts: [{name: merged.name, bytes: merged.bytes, size: merged.bytes.length, offset: 0}], missing: []} : {parts: [], missing: ['the merged file']};
  const missing = [...(loader && !loader.problem ? [] : ['the boot loader']), ...(table && !table.problem ? [] : ['the partition table'])];
  if (missing.length > 0)
    return {parts: [], missing};
  const parts = [{name: loader.name, bytes: loader.bytes, size: loader.bytes.length, offset: chipRow(image.chip).loader},
    {name: table.name, bytes: table.bytes, size: table.bytes.length, offset: TABLE_OFFSET}];
  /* An old choice of slot would win over what is written here. */
  if (table.otadata && !erase)
    parts.push({name: 'no choice of slot yet', bytes: new Uint8Array(table.otadata.size).fill(0xFF), size: table.otadata.size, offset: table.otadata.offset});
  parts.push({...app, offset: table.app.offset});
  return {parts: parts.sort((a, b) => a.offset - b.offset), missing};
}

/* The manifest that ESP Web Tools reads; local files are blobs of this page. */
export function manifest(release, image, parts) {
  return {name: release.product, version: release.version, new_install_prompt_erase: true, builds: [{chipFamily: chipName(image.chip),
    parts: parts.map(part => ({offset: part.offset, path: part.path ? new URL(part.path, location.href).href : URL.createObjectURL(new Blob([part.bytes]))}))}]};
}

function Write({release, image, parts, erase}) {
  const [state, set] = useState(null), able = 'serial' in navigator, alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const say = next => {
    if (!alive.current)
      return;
    set(next);
    if (next.text && next.percent === undefined)
      announce(next.text);
  };
  const run = async () => {
    let port;
    try {
      port = await navigator.serial.requestPort();
    } catch (error) {
      return say({failed: true, text: error.name === 'NotFoundError' ? 'No port was chosen.' : error.message});
    }
    const made = manifest(release, image, parts);
    say({busy: true, text: 'Loading the tool…'});
    try {
      const {flash} = await import('esp-web-tools/dist/flash.js');
      await flash(event => say({busy: !['finished', 'error'].includes(event.state), failed: event.state === 'error', done: event.state === 'finished',
        text: event.message, percent: event.state === 'writing' ? event.details.percentage : undefined}), port, location.href, made, erase);
    } catch (error) {
      say({failed: true, text: String(error.message || error)});
    } finally {
      for (const part of made.builds[0].parts)
        URL.revokeObjectURL(part.path);
      port.close().catch(() => {});
    }
  };
  if (!able)
    return <div class="note">{window.isSecureContext ? 'This browser cannot speak to USB. Chrome, Edge and Opera can.'
      : 'A browser speaks to USB only on a page that came by https, or from this machine. Open the dashboard so.'} The command line below does the same.</div>;
  return <><div class="buttons"><button type="button" class="primary" disabled={state?.busy} onClick={run}>Connect and write…</button></div>
    {state && <div role="status" class={state.failed ? 'failure' : state.done ? 'success after' : 'sub'}>{state.text}{state.percent !== undefined && <Progress value={state.percent} label="Writing" />}
      {state.failed && ' If the chip does not answer: close other programs that use the port, hold BOOT, press RESET, release BOOT, and try again.'}{state.done && ' It restarts with ' + release.version + ' now.'}</div>}</>;
}

function Form({releases, asked}) {
  const products = [...new Set(releases.map(release => release.product))];
  const [wanted, setWanted] = useState(asked), [way, setWay] = useState('parts'), [files, setFiles] = useState({}), [erase, setErase] = useState(true);
  const product = products.includes(wanted.product) ? wanted.product : products[0], ofProduct = releases.filter(release => release.product === product);
  const release = ofProduct.find(row => row.version === wanted.version) || ofProduct[0], images = release.images.filter(image => chipRow(image.chip));
  const image = images.find(row => row.chip === wanted.chip) || images[0];
  const set = name => value => setWanted({...wanted, product, version: release.version, chip: image.chip, [name]: value});
  const key = image.sha256, mine = files[key] || {};
  const take = (name, read) => async file => { const read_ = await read(file); setFiles(all => ({...all, [key]: {...all[key], [name]: read_}})); };
  const made = useMemo(() => plan({release, image, way, erase, ...mine}), [release, image, way, erase, mine]);
  const esp8266 = image.chip === 'esp8266';
  return <>
    <div class="fields">
      <Select label="Product" value={product} onValue={set('product')} options={products} />
      <Select label="Release" value={release.version} onValue={set('version')} options={ofProduct.map(row => row.version)} />
      <Select label="Chip" value={image.chip} onValue={set('chip')} options={images.map(row => [row.chip, chipName(row.chip)])} />
    </div>
    {!esp8266 && <fieldset class="ways"><legend>What the release does not hold</legend>
      <p class="sub">A release holds the application alone. An empty chip also needs the boot loader and the partition table of the same build. They stay in this browser.</p>
      <div class="choices" role="radiogroup" aria-label="Files"><label><input type="radio" name="way" checked={way === 'parts'} onChange={() => setWay('parts')} />Boot loader and partition table</label>
        <label><input type="radio" name="way" checked={way === 'merged'} onChange={() => setWay('merged')} />One merged file, instead of the release</label></div>
      <div class="fields">{way === 'parts' ? <>
        <File key={key + 'loader'} label="Boot loader" hint="bootloader.bin" chosen={mine.loader} take={take('loader', file => readLoader(file, image.chip))} />
        <File key={key + 'table'} label="Partition table" hint="partition-table.bin" chosen={mine.table} take={take('table', file => readTable(file, image.size))} /></>
        : <File key={key + 'merged'} label="Merged file" hint="merged-binary.bin, factory.bin" chosen={mine.merged} take={take('merged', file => readMerged(file, image.chip))} />}</div>
    </fieldset>}
    <label class="tick-box erase"><input type="checkbox" checked={erase} onChange={event => setErase(event.currentTarget.checked)} />Erase the whole flash first, with all settings in it</label>
    {made.missing.length > 0 ? <p class="note" id="missing">Still missing: {made.missing.join(' and ')}.</p> : <>
      <div class="scroll framed" tabIndex="0" role="region" aria-label="What is written"><table id="parts"><thead><tr><th scope="col">At</th><th scope="col">What</th><th scope="col">Size</th></tr></thead>
        <tbody>{made.parts.map(part => <tr key={part.offset}><td class="mono">{hex(part.offset)}</td><td class="any">{part.name}</td><td class="nowrap">{size(part.size)}</td></tr>)}</tbody></table></div>
      <Write key={key} release={release} image={image} parts={made.parts} erase={erase} />
      <Cli>{['esptool.py --chip', image.chip, 'write_flash', erase ? '--erase-all' : '', ...made.parts.filter(part => part.path || part.name !== 'no choice of slot yet')
        .map(part => hex(part.offset) + ' ' + shell(part.path ? release.product + '-' + release.version + '.bin' : part.name))].filter(Boolean).join(' ')}</Cli></>}
  </>;
}

export function Flash() {
  const all = useStore(overview), {query} = useRoute(), products = useProducts();
  const releases = (all?.releases || []).filter(release => release.images.some(image => chipRow(image.chip)));
  return <><Head title="First flash" />
    <Card title="Write an empty chip over USB" note="later updates go over the air">
      {!all ? <p class="empty" role="status">Asking the server…</p> : releases.length === 0 || products.length === 0
        ? <Empty title="There is no release for a chip yet"><a href={href(['releases'])}>Publish one</a></Empty> : <div class="pad"><Form releases={releases} asked={query} /></div>}
    </Card></>;
}
