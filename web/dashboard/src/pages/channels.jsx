/* Channels: the release that each one offers, and moving it to another. */
import {useState} from 'preact/hooks';
import {ask} from '../api.js';
import {lookSoon, overview, useStore} from '../live.js';
import {href} from '../route.js';
import {Card, Cli, Dialog, Empty, Head, Input, Select, useAction, useProducts} from '../ui.jsx';
import {command} from '../words.js';

export const setChannel = (product, name, version) =>
  ask('PUT', 'api/v1/channels/' + encodeURIComponent(product) + '/' + encodeURIComponent(name), {body: {version}});

export function MoveChannel({product, name, from, version, onClose}) {
  const move = useAction(() => setChannel(product, name, version), () => { lookSoon(); onClose(); });
  return <Dialog title={'Put ' + product + ' ' + version + ' on ' + name + '?'} confirm="Put it there" action={move} onClose={onClose}
    cli={command('channels', 'set', product, name, version)}>
    <p>Every device on this channel is offered it from now on{from ? <>, instead of <span class="mono">{from}</span></> : ''}. To go in stages, start a rollout.</p>
  </Dialog>;
}

function SetChannel({all}) {
  const products = useProducts(), [product, setProduct] = useState(''), [name, setName] = useState('stable'), [version, setVersion] = useState(''), [asked, setAsked] = useState(null);
  const chosen = product || products[0] || '', releases = all.releases.filter(row => row.product === chosen);
  const wanted = releases.some(row => row.version === version) ? version : releases[0]?.version || '';
  const from = all.channels.find(row => row.product === chosen && row.name === name)?.version;
  return <form class="pad" onSubmit={event => { event.preventDefault(); setAsked({product: chosen, name, version: wanted, from}); }}>
    <div class="fields">
      <Select label="Product" value={chosen} onValue={setProduct} options={products} />
      <Input label="Channel" value={name} onValue={setName} required maxLength={64} pattern="[A-Za-z0-9._\-]+" title="letters, digits, . _ -"
        list={all.channels.filter(row => row.product === chosen).map(row => row.name)} hint={from ? 'offers ' + from + ' now' : 'a new channel'} />
      <Select label="Release" value={wanted} onValue={setVersion} options={releases.map(row => row.version)} />
    </div>
    <div class="buttons"><button class="primary" disabled={!wanted}>Put on the channel…</button></div>
    <Cli>{command('channels', 'set', chosen || 'PRODUCT', name || 'NAME', wanted || 'VERSION')}</Cli>
    {asked && <MoveChannel {...asked} onClose={() => setAsked(null)} />}
  </form>;
}

export function Channels() {
  const all = useStore(overview);
  return <><Head title="Channels" />
    {!all ? <p class="empty" role="status">Asking the server…</p> : <>
      <Card title="What each channel offers" quiet>
        {all.channels.length === 0 ? <Empty title="There is no channel yet">A channel begins with the first release that is put on it. <a href={href(['releases'])}>Publish one</a></Empty>
          : <div class="scroll" tabIndex="0" role="region" aria-label="Channels"><table>
            <thead><tr><th scope="col">Product</th><th scope="col">Channel</th><th scope="col">Release</th><th scope="col" class="medium">Notes</th></tr></thead>
            <tbody>{all.channels.map(row => <tr key={row.product + '/' + row.name}><td>{row.product}</td>
              <td><a href={href(['devices'], {product: row.product, channel: row.name})}>{row.name}</a></td><td class="mono">{row.version}</td>
              <td class="medium any">{all.releases.find(release => release.id === row.release_id)?.notes || '–'}</td></tr>)}</tbody>
          </table></div>}
      </Card>
      {all.releases.length > 0 && <Card title="Put a release on a channel"><SetChannel all={all} /></Card>}
    </>}
  </>;
}
