/* Releases: what was published, and publishing by dropping a file here. */
import {useEffect, useRef, useState} from 'preact/hooks';
import {query, upload} from '../api.js';
import {look} from '../image.js';
import {announce, lookSoon, overview, useStore} from '../live.js';
import {href} from '../route.js';
import {Card, Cli, Copy, Dialog, Empty, Failure, Head, Input, Progress, useAction, When} from '../ui.jsx';
import {chipName, command, size} from '../words.js';
import {MoveChannel} from './channels.jsx';

function Facts({about}) {
  const rows = about.kind === 'package' ? [['Kind', about.name], ['Size', size(about.size)]]
    : [['Chip', about.chip ? chipName(about.chip) : 'unknown'], ['Project', about.project], ['Version', about.version], ['Size', size(about.size)],
      ['Signature', about.signature], ['Built', about.built], ['ESP-IDF', about.idf]];
  return <dl class="facts">{rows.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

/* What is about to be published, with what the image does not say. */
function Publish({file, about, done, drop}) {
  const all = useStore(overview), stop = useRef(null), [sent, setSent] = useState(null);
  const [product, setProduct] = useState(about.project || ''), [version, setVersion] = useState(about.version || '');
  const [channel, setChannel] = useState(''), [notes, setNotes] = useState('');
  const exists = all?.releases.some(row => row.product === product && row.version === version && row.images.some(image => image.chip === about.chip));
  const publish = useAction(() => {
    stop.current = new AbortController();
    setSent(0);
    const named = {product: product === about.project ? '' : product, version: about.version ? '' : version, channel, notes};
    return upload(query(about.kind === 'package' ? 'api/v1/packages' : 'api/v1/releases', named), file,
      (bytes, total) => setSent(Math.floor(bytes * 100 / total)), stop.current.signal);
  }, answer => { announce('published ' + answer.release.product + ' ' + answer.release.version); lookSoon(); done(answer); });
  useEffect(() => () => stop.current?.abort(), []);
  return <form onSubmit={event => { event.preventDefault(); publish.run(); }}>
    <h3 class="any">{file.name}</h3>
    <Facts about={about} />
    {about.notes.map(text => <p key={text} class="note">{text}</p>)}
    {exists && <p class="note">{product} {version} for {chipName(about.chip)} is published already: the server takes the same bytes again, and no others.</p>}
    <div class="fields">
      <Input label="Product" value={product} onValue={setProduct} required maxLength={64} pattern="[A-Za-z0-9._\-]+" title="letters, digits, . _ -"
        hint={about.project ? 'the image’s project, unless you say otherwise' : 'the image does not say it'} />
      <Input label="Version" value={version} onValue={setVersion} required maxLength={31} readOnly={Boolean(about.version)} hint={about.version ? 'as the image was built' : 'the image does not say it'} />
      <Input label="Channel" value={channel} onValue={setChannel} maxLength={64} pattern="[A-Za-z0-9._\-]+" title="letters, digits, . _ -"
        list={[...new Set(['stable', ...(all?.channels || []).filter(row => row.product === product).map(row => row.name)])]}
        hint={channel ? 'offered to every device on it at once' : 'empty: published, but offered to nobody yet'} />
      <Input label="Notes" value={notes} onValue={setNotes} maxLength={1023} wide hint="what is new, in one line" />
    </div>
    {publish.busy && <div role="status"><Progress value={sent} label="Upload" /><span class="sub">{sent < 100 ? sent + ' % sent' : 'the server checks and keeps it'}</span></div>}
    <Failure failure={publish.failure} />
    <div class="buttons">
      <button class="primary" disabled={publish.busy}>{channel ? 'Publish to ' + channel : 'Publish'}</button>
      <button type="button" onClick={publish.busy ? () => stop.current.abort() : drop}>{publish.busy ? 'Stop' : 'Another file'}</button>
    </div>
    <Cli>{command('publish', file.name, ['--channel', channel || 'NAME'], ['--product', product === about.project ? '' : product],
      ['--version', about.version ? '' : version], ['--notes', notes])}</Cli>
  </form>;
}

function Upload() {
  const [chosen, setChosen] = useState(null), [over, setOver] = useState(false), [done, setDone] = useState(null), input = useRef();
  const take = async file => {
    if (!file)
      return;
    setDone(null);
    let about;
    try {
      const whole = !/\.(swu|raucb)$/i.test(file.name);
      about = look(new Uint8Array(await (whole ? file : file.slice(0, 64)).arrayBuffer()));
    } catch {
      about = {kind: 'unknown', problem: 'The file cannot be read', remedy: 'Choose it again.'};
    }
    setChosen({file, about: {...about, size: file.size}});
    announce(about.problem || 'read ' + file.name);
  };
  return <div class="pad">
    {chosen && chosen.about.kind !== 'unknown'
      ? <Publish key={chosen.file.name + chosen.file.lastModified} {...chosen} drop={() => setChosen(null)} done={answer => { setChosen(null); setDone(answer); }} />
      : <>
        {done && <p class="success" role="status">Published: {done.release.product} <span class="mono">{done.release.version}</span>{done.channel ? ', offered on ' + done.channel.name : ', offered to nobody yet'}.</p>}
        <div class={'drop' + (over ? ' over' : '')} onDragOver={event => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
          onDrop={event => { event.preventDefault(); setOver(false); take(event.dataTransfer.files[0]); }}>
          <p><strong>Drop the application image of your build here</strong><span class="sub">.bin for a chip, .swu or .raucb for SWUpdate and RAUC. Nothing is published before you say so.</span></p>
          <button type="button" onClick={() => input.current.click()}>Choose a file…</button>
          <input ref={input} id="file" type="file" class="hidden" tabIndex="-1" aria-label="Image" accept=".bin,.swu,.raucb" onChange={event => { take(event.currentTarget.files[0]); event.currentTarget.value = ''; }} />
        </div>
        {chosen && <div class="failure" role="alert"><strong>{chosen.file.name}: {chosen.about.problem}.</strong> {chosen.about.remedy}</div>}
        <Cli>updraft publish firmware.bin --channel stable</Cli>
      </>}
  </div>;
}

function Row({release, all, move}) {
  const channels = all.channels.filter(row => row.product === release.product);
  const others = channels.filter(row => row.version !== release.version).map(row => row.name);
  return <tr>
    <td>{release.product}</td>
    <td><span class="mono">{release.version}</span>{release.security && <> <span class="pill failed">security</span></>}
      {release.notes && <span class="sub">{release.notes}</span>}{release.cves?.length > 0 && <span class="sub">closes {release.cves.join(', ')}</span>}
      {release.min_from && <span class="sub">for devices that run {release.min_from} or later</span>}</td>
    <td class="medium">{release.images.map(image => <div key={image.sha256} class="nowrap">{chipName(image.chip)}{image.board ? ' ' + image.board : ''} <span class="sub inline">{size(image.size)}</span></div>)}</td>
    <td class="wide">{release.images.map(image => <div key={image.sha256} class="nowrap"><span class="mono" title={'SHA-256 ' + image.sha256}>{image.sha256.slice(0, 12)}</span> <Copy text={image.sha256} what={'SHA-256 of ' + release.version} /></div>)}</td>
    <td>{release.channels.length ? <span class="tags">{release.channels.map(name => <span key={name} class="pill confirmed">{name}</span>)}</span> : <span class="sub">–</span>}</td>
    <td class="medium"><When ms={release.created} /></td>
    <td class="act">{(others.length > 0 || channels.length === 0) && <button type="button" onClick={() => move(release, others)}>To channel…<span class="hidden"> {release.product} {release.version}</span></button>}</td>
  </tr>;
}

export function Releases() {
  const all = useStore(overview), [moving, setMoving] = useState(null);
  const move = (release, names) => setMoving({product: release.product, version: release.version, names: names.length ? names : ['stable'], name: names[0] || 'stable'});
  return <><Head title="Releases" />
    <Card title="Publish"><Upload /></Card>
    <Card title="Published" note="newest first">
      {!all ? <p class="empty" role="status">Asking the server…</p> : all.releases.length === 0 ? <Empty title="Nothing is published yet">Drop a file above, or use the command line.</Empty>
        : <div class="scroll" tabIndex="0" role="region" aria-label="Published"><table id="releases">
          <thead><tr><th scope="col">Product</th><th scope="col">Version</th><th scope="col" class="medium">Images</th><th scope="col" class="wide">SHA-256</th>
            <th scope="col">Channels</th><th scope="col" class="medium">Published</th><th scope="col"><span class="hidden">Action</span></th></tr></thead>
          <tbody>{all.releases.map(release => <Row key={release.id} release={release} all={all} move={move} />)}</tbody>
        </table></div>}
      <div class="pad"><Cli>updraft releases</Cli></div>
    </Card>
    {moving && (moving.chosen || moving.names.length === 1
      ? <MoveChannel product={moving.product} version={moving.version} name={moving.chosen || moving.name}
        from={all.channels.find(row => row.product === moving.product && row.name === (moving.chosen || moving.name))?.version} onClose={() => setMoving(null)} />
      : <ChooseChannel moving={moving} choose={chosen => setMoving({...moving, chosen})} onClose={() => setMoving(null)} />)}
  </>;
}

function ChooseChannel({moving, choose, onClose}) {
  return <Dialog title={'Which channel should offer ' + moving.version + '?'} onClose={onClose}>
    <div class="choices">{moving.names.map(name => <button key={name} type="button" onClick={() => choose(name)}>{name}</button>)}
      <a class="button" href={href(['channels'])}>A new channel</a></div>
  </Dialog>;
}
