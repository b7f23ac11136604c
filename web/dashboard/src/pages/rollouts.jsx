/* Rollouts: how far each is, and what made one stop. */
import {useLive} from '../live.js';
import {href} from '../route.js';
import {Card, Cli, Empty, Head, Loaded, Pill, StateBar, When} from '../ui.jsx';
import {count, ROLLOUT_ORDER} from '../words.js';

export const isOpen = rollout => ['scheduled', 'running', 'paused'].includes(rollout.state);

export function stageWords(rollout) {
  if (rollout.state === 'done')
    return 'all ' + (rollout.stages.length === 1 ? '' : rollout.stages.length + ' stages') + ' done';
  if (rollout.state === 'scheduled')
    return 'not begun';
  return 'stage ' + (rollout.stage + 1) + ' of ' + rollout.stages.length + ', ' + rollout.stages[rollout.stage].goal;
}

export function Rollouts() {
  const list = useLive('api/v1/rollouts');
  return <><Head title="Rollouts" actions={<a class="button primary" href={href(['rollouts', 'new'])}>New rollout</a>} />
    <Card title="Rollouts, newest first" quiet>
      <Loaded of={list}>{data => data.rollouts.length === 0
        ? <Empty title="There is no rollout yet">A rollout moves a channel to another release in stages, and stops itself when too many devices fail or roll back.</Empty>
        : <div class="scroll" tabIndex="0" role="region" aria-label="Rollouts"><table id="rollouts">
          <thead><tr><th scope="col">Release</th><th scope="col">State</th><th scope="col">Devices</th><th scope="col" class="medium">By</th><th scope="col" class="medium">Changed</th></tr></thead>
          <tbody>{data.rollouts.map(rollout => <tr key={rollout.id}>
            <td><a class="name" href={href(['rollouts', String(rollout.id)])}>{rollout.product} {rollout.version}</a><span class="sub">on {rollout.channel}{rollout.filter ? ', ' + rollout.filter : ''}</span></td>
            <td><Pill state={rollout.state} /><span class="sub">{stageWords(rollout)}</span>{rollout.reason && <span class="sub any">{rollout.reason}</span>}</td>
            <td class="bars"><StateBar counts={rollout.counts} order={ROLLOUT_ORDER} label={'Rollout ' + rollout.id} /><span class="sub">{count(rollout.counts.confirmed || 0)} confirmed of {count(Object.values(rollout.counts).reduce((a, b) => a + b, 0))}</span></td>
            <td class="medium">{rollout.by}</td><td class="medium"><When ms={rollout.updated} /></td>
          </tr>)}</tbody></table></div>}</Loaded>
      <div class="pad"><Cli>updraft rollout list</Cli></div>
    </Card></>;
}
