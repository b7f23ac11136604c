/* Who changed what. */
import {useState} from 'preact/hooks';
import {get} from '../api.js';
import {useLive} from '../live.js';
import {Card, Cli, Empty, Failure, Head, Loaded, useAction, When} from '../ui.jsx';

export function Audit() {
  const newest = useLive('api/v1/audit?limit=100'), [older, setOlder] = useState([]), [next, setNext] = useState(undefined);
  const more = useAction(cursor => get('api/v1/audit?limit=100&before=' + cursor), page => {
    setOlder([...older, ...page.audit]);
    setNext(page.next);
  });
  return <><Head title="Audit log" />
    <Card title="Changes, newest first" quiet>
      <Loaded of={newest}>{data => {
        /* Where the pages meet, a row may be in both. */
        const rows = [...new Map([...older, ...data.audit].map(row => [row.id, row])).values()].sort((a, b) => b.id - a.id);
        const cursor = next === undefined ? data.next : next;
        return rows.length === 0 ? <Empty title="Nobody has changed anything yet" /> : <>
          <div class="scroll" tabIndex="0" role="region" aria-label="Changes"><table>
            <thead><tr><th scope="col">When</th><th scope="col">Operator</th><th scope="col">What</th><th scope="col" class="medium">Request</th>
              <th scope="col" class="wide">From</th><th scope="col">Result</th></tr></thead>
            <tbody>{rows.map(row => <tr key={row.id}><td><When ms={row.at} /></td><td>{row.operator}</td><td class="any">{row.object || '–'}</td>
              <td class="medium mono">{row.request}</td><td class="wide mono">{row.address}</td>
              <td class={row.status < 400 ? 'good' : 'bad'}>{row.status < 400 ? 'done' : 'refused'} <span class="sub inline">{row.status}</span></td></tr>)}</tbody>
          </table></div>
          <Failure failure={more.failure} />
          {cursor !== null && <p class="pad"><button type="button" disabled={more.busy} onClick={() => more.run(cursor)}>Older</button></p>}
        </>;
      }}</Loaded>
      <div class="pad"><Cli>updraft audit</Cli></div>
    </Card></>;
}
