/* Keys for people and for build servers, made and revoked. */
import {useState} from 'preact/hooks';
import {ask} from '../api.js';
import {useLive} from '../live.js';
import {Card, Cli, Copy, Dialog, Failure, Head, Input, Loaded, Select, useAction, When} from '../ui.jsx';
import {command} from '../words.js';

const ROLES = [['view', 'view: look'], ['publish', 'publish: also publish releases'], ['operate', 'operate: also channels, devices and rollouts'],
  ['admin', 'admin: everything, also tokens']];
const TIMES = [['', 'never'], ['1d', 'in a day'], ['30d', 'in 30 days'], ['90d', 'in 90 days'], ['365d', 'in a year']];

function NewToken({done}) {
  const [name, setName] = useState(''), [role, setRole] = useState('publish'), [expires, setExpires] = useState('90d');
  const add = useAction(() => ask('POST', 'api/v1/tokens', {body: {name, role, ...(expires ? {expires_in_s: parseInt(expires, 10) * 86400} : {})}}),
    answer => { setName(''); done(answer.data); });
  return <form class="pad" onSubmit={event => { event.preventDefault(); add.run(); }}>
    <div class="fields">
      <Input label="Name" value={name} onValue={setName} required maxLength={64} pattern="[A-Za-z0-9._\-]+" title="letters, digits, . _ -" hint="who or what it is for" />
      <Select label="Role" value={role} onValue={setRole} options={ROLES} />
      <Select label="Expires" value={expires} onValue={setExpires} options={TIMES} />
    </div>
    <Failure failure={add.failure} />
    <div class="buttons"><button class="primary" disabled={add.busy}>Make the token</button></div>
    <Cli>{command('token', 'add', name || 'NAME', ['--role', role], ['--expires', expires])}</Cli>
  </form>;
}

function Revoke({token, onClose, done}) {
  const revoke = useAction(() => ask('DELETE', 'api/v1/tokens/' + encodeURIComponent(token.name)), done);
  return <Dialog title={'Revoke ' + token.name + '?'} confirm="Revoke" danger action={revoke} onClose={onClose} cli={command('token', 'revoke', token.name)}>
    <p>Whoever uses it is shut out at once. This cannot be taken back.</p></Dialog>;
}

export function Tokens() {
  const tokens = useLive('api/v1/tokens'), [made, setMade] = useState(null), [ending, setEnding] = useState(null);
  return <><Head title="Tokens" />
    {made && <Card title={'The token ' + made.token.name}>
      <div class="pad" role="status"><p>It is shown this once; keep it where only its user finds it.</p><p class="secret"><code>{made.secret}</code><Copy text={made.secret} what="token" /></p>
        <button type="button" onClick={() => setMade(null)}>I have it</button></div></Card>}
    <Card title="Tokens in use">
      <Loaded of={tokens}>{data => <div class="scroll" tabIndex="0" role="region" aria-label="Tokens"><table>
        <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col" class="medium">Made</th><th scope="col">Expires</th><th scope="col"><span class="hidden">Action</span></th></tr></thead>
        <tbody>{data.tokens.map(token => <tr key={token.name}><td>{token.name}</td><td>{token.role}</td><td class="medium"><When ms={token.created} /></td>
          <td>{token.expired ? <span class="bad">expired</span> : token.expires ? <When ms={token.expires} /> : 'never'}</td>
          <td class="act">{token.first ? <span class="sub">from the file</span> : <button type="button" onClick={() => setEnding(token)} >Revoke<span class="hidden"> {token.name}</span></button>}</td></tr>)}</tbody>
      </table></div>}</Loaded>
    </Card>
    <Card title="New token"><NewToken done={answer => { setMade(answer); tokens.reload(); }} /></Card>
    {ending && <Revoke token={ending} onClose={() => setEnding(null)} done={() => { setEnding(null); tokens.reload(); }} />}
  </>;
}
