/* What operators say of devices: name, group, tags, attributes, channel; of one on its page, of many at a time. */
import {useState} from 'preact/hooks';
import {ask} from '../api.js';
import {announce, lookSoon, overview, useStore} from '../live.js';
import {Card, Cli, Dialog, Failure, Field, Input, useAction} from '../ui.jsx';
import {command, plural} from '../words.js';

const words = text => text.split(/[\s,]+/).filter(Boolean);
const lines = object => Object.entries(object || {}).map(([name, value]) => name + '=' + value).join('\n');
/* "site=hall 3", a line each; null for a line that is not like that. */
function attributes(text) {
  const rows = text.split('\n').map(line => line.trim()).filter(Boolean);
  return rows.every(line => /^[^=]+=/.test(line)) ? Object.fromEntries(rows.map(line => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1).trim()])) : null;
}
const useChannels = product => (useStore(overview)?.channels || []).filter(row => !product || row.product === product).map(row => row.name);

/* Only what is other than it was; null takes away. */
function changes(device, values) {
  const edit = {}, wanted = attributes(values.attributes) || {}, had = device.attributes || {};
  const take = (name, before) => { if (values[name].trim() !== before) edit[name] = values[name].trim() || null; };
  take('name', device.name);
  take('group', device.group || '');
  take('channel', device.assigned_channel || '');
  if (words(values.tags).join() !== (device.tags || []).join())
    edit.tags = words(values.tags);
  const changed = Object.fromEntries([...Object.entries(wanted).filter(([name, value]) => had[name] !== value), ...Object.keys(had).filter(name => !(name in wanted)).map(name => [name, null])]);
  return Object.keys(changed).length > 0 ? {...edit, attributes: changed} : edit;
}

function setCommand(ids, edit, had = []) {
  const add = edit.add_tags || edit.tags?.filter(tag => !had.includes(tag)) || [], remove = edit.remove_tags || (edit.tags ? had.filter(tag => !edit.tags.includes(tag)) : []);
  const empty = name => name in edit && !edit[name] ? '--' + name + " ''" : '';
  const text = command('devices', 'set', ...ids, ...['name', 'group', 'channel'].map(name => ['--' + name, edit[name]]), ['--tag', add.join()], ['--untag', remove.join()],
    ['--attribute', Object.entries(edit.attributes || {}).map(([name, value]) => name + '=' + (value ?? '')).join()], ['--retry', edit.retry]);
  return [text, ...['name', 'group', 'channel'].map(empty).filter(Boolean)].join(' ');
}

export function EditLabels({device}) {
  const fresh = {name: device.name, group: device.group || '', channel: device.assigned_channel || '', tags: (device.tags || []).join(' '), attributes: lines(device.attributes)};
  const [typed, setTyped] = useState({}), values = {...fresh, ...typed}, set = name => value => setTyped(old => ({...old, [name]: value}));
  const edit = changes(device, values), some = Object.keys(edit).length > 0, wrong = attributes(values.attributes) === null, channels = useChannels(device.product);
  const save = useAction(() => ask('PATCH', 'api/v1/devices/' + encodeURIComponent(device.id), {body: edit}), () => { setTyped({}); announce('saved'); lookSoon(); });
  return <Card title="Labels" note="what you say of it; rollouts choose by them"><form class="pad" onSubmit={event => { event.preventDefault(); save.run(); }}>
    <div class="fields">
      <Input label="Name" value={values.name} onValue={set('name')} hint="empty: what the device calls itself" />
      <Input label="Group" value={values.group} onValue={set('group')} />
      <Input label="Channel" value={values.channel} onValue={set('channel')} list={channels} hint="empty: the one that it asks for" />
      <Input label="Tags" value={values.tags} onValue={set('tags')} hint="with blanks between" />
      <Field label="Attributes" hint="name=value, a line each" error={wrong ? 'Write name=value, a line each.' : null} wide>
        {props => <textarea {...props} rows="2" value={values.attributes} onInput={event => set('attributes')(event.currentTarget.value)} />}</Field>
    </div>
    <Failure failure={save.failure} />
    <div class="buttons"><button class="primary" disabled={!some || wrong || save.busy}>Save</button>{some && <button type="button" onClick={() => setTyped({})}>Undo</button>}</div>
    {some && !wrong && <Cli>{setCommand([device.id], edit, device.tags)}</Cli>}
  </form></Card>;
}

/* What failed on it so far is not held against a release any more. */
export function Retry({device}) {
  const [asked, setAsked] = useState(false);
  const retry = useAction(() => ask('PATCH', 'api/v1/devices/' + encodeURIComponent(device.id), {body: {retry: true}}), () => { setAsked(false); announce('it may try again'); lookSoon(); });
  return <><button type="button" onClick={() => setAsked(true)}>Let it try again…</button>
    {asked && <Dialog title={'Let ' + (device.name || device.id) + ' try again?'} confirm="Let it try again" action={retry} onClose={() => setAsked(false)} cli={setCommand([device.id], {retry: true})}>
      <p>What failed on it so far is not held against a release any more: it is offered its channel’s release again.</p></Dialog>}</>;
}

/* One change for many devices; a field that stays empty changes nothing, a single - takes away. */
export function ChangeMany({devices, onClose, done}) {
  const [values, setValues] = useState({group: '', channel: '', add: '', remove: '', retry: false}), set = name => value => setValues(old => ({...old, [name]: value}));
  const text = value => value.trim() === '-' ? null : value.trim();
  const edit = {...(values.group.trim() ? {group: text(values.group)} : {}), ...(values.channel.trim() ? {channel: text(values.channel)} : {}),
    ...(words(values.add).length ? {add_tags: words(values.add)} : {}), ...(words(values.remove).length ? {remove_tags: words(values.remove)} : {}), ...(values.retry ? {retry: true} : {})};
  const some = Object.keys(edit).length > 0, ids = devices.map(device => device.id), channels = useChannels('');
  const change = useAction(async () => {
    let changed = 0;
    for (let at = 0; some && at < ids.length; at += 500)
      changed += (await ask('POST', 'api/v1/devices/bulk', {body: {...edit, ids: ids.slice(at, at + 500)}})).data.changed;
    return changed;
  }, changed => { announce(plural(changed, 'device') + ' changed'); lookSoon(); done(); });
  return <Dialog title={'Change ' + plural(devices.length, 'device')} confirm={some ? 'Change ' + plural(devices.length, 'device') : null} action={change} onClose={onClose}
    cli={some ? setCommand(ids, edit) : null}>
    <p class="sub">Empty: stays as it is. A single - takes it away.</p>
    <div class="fields">
      <Input label="Group" value={values.group} onValue={set('group')} /><Input label="Channel" value={values.channel} onValue={set('channel')} list={[...new Set(channels)]} />
      <Input label="Add tags" value={values.add} onValue={set('add')} /><Input label="Take tags away" value={values.remove} onValue={set('remove')} />
    </div>
    <label class="tick-box many"><input type="checkbox" checked={values.retry} onChange={event => set('retry')(event.currentTarget.checked)} />Let them try again what failed</label>
  </Dialog>;
}
