/* The small parts that every page is made of. Everything shown is text: no markup is ever made from data. */
import {useEffect, useId, useRef, useState} from 'preact/hooks';
import {announce, now, overview, useStore} from './live.js';
import {ago, BAD, ENDED, errorText, plural, span, stateWord} from './words.js';

export const Pill = ({state}) => <span class={'pill ' + state}>{stateWord(state)}</span>;

export function When({ms}) {
  const time = useStore(now);
  if (!ms)
    return '–';
  const date = new Date(ms);
  return <time class="nowrap" dateTime={date.toISOString()} title={date.toLocaleString()}>{ago(ms, time)}</time>;
}

export function Copy({text, what = 'command', label}) {
  const [done, set] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { /* only a page by https or on this machine has a clipboard */
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    set(true);
    announce('copied');
    setTimeout(() => set(false), 1500);
  };
  return <button type="button" class={label ? '' : 'copy'} onClick={copy}>{done ? 'copied' : label || 'copy'}{!label && <span class="hidden"> the {what}</span>}</button>;
}

/* The same by the command line. */
export const Cli = ({children}) => <p class="cli"><span class="hidden">By the command line: </span><code>{children}</code><Copy text={children} /></p>;

/* The head of a page; what is written beside it belongs to the whole page. */
export const Head = ({title, note, actions}) => <div class="page-head"><h1 tabIndex="-1" class="any">{title}</h1>{note && <span class="sub inline">{note}</span>}
  {actions && <div class="actions">{actions}</div>}</div>;

/* quiet: the page's own heading says it already. */
export const Card = ({title, quiet, actions, children, note}) => {
  const label = useId();
  if (quiet)
    return <section class="card" aria-labelledby={label}><h2 class="hidden" id={label}>{title}</h2>{children}</section>;
  return <section class="card" aria-labelledby={label}>
    <div class="card-head"><h2 id={label}>{title}</h2>{note && <span class="sub">{note}</span>}{actions && <div class="actions">{actions}</div>}</div>
    {children}
  </section>;
};

export const Empty = ({title, children}) => <div class="empty"><strong>{title}</strong>{children}</div>;

/* What the server refused, and what to do. */
export const Failure = ({failure}) => failure
  ? <div class="failure" role="alert"><strong>{failure.message[0].toUpperCase() + failure.message.slice(1)}.</strong> {failure.remedy}</div> : null;

/* A page's answer: its failure, or a word while the first one is on its way. */
export const Loaded = ({of, children}) => <>
  <Failure failure={of.failure} />
  {of.data ? children(of.data) : !of.failure && <p class="empty" role="status">Asking the server…</p>}
</>;

export function Field({label, hint, error, children, wide}) {
  const id = useId();
  return <div class={'field' + (wide ? ' wide-field' : '')}>
    <label for={id}>{label}</label>
    {children({id, 'aria-describedby': hint || error ? id + '-hint' : undefined, 'aria-invalid': error ? 'true' : undefined})}
    {(error || hint) && <p id={id + '-hint'} class={error ? 'why' : 'sub'}>{error || hint}</p>}
  </div>;
}
export const Input = ({label, hint, error, wide, value, onValue, list, ...rest}) => <Field label={label} hint={hint} error={error} wide={wide}>
  {props => <><input {...props} {...rest} value={value} list={list && props.id + '-list'} onInput={event => onValue(event.currentTarget.value)} />
    {list && <datalist id={props.id + '-list'}>{list.map(text => <option key={text} value={text} />)}</datalist>}</>}
</Field>;
export const Select = ({label, hint, wide, value, onValue, options, ...rest}) => <Field label={label} hint={hint} wide={wide}>
  {props => <select {...props} {...rest} value={value} onChange={event => onValue(event.currentTarget.value)}>
    {options.map(option => { const [key, text] = Array.isArray(option) ? option : [option, option]; return <option key={key} value={key}>{text}</option>; })}
  </select>}
</Field>;

/* Runs something that can be refused; gives {busy, failure, run}. */
export function useAction(call, done) {
  const [state, set] = useState({busy: false, failure: null});
  const run = async (...args) => {
    set({busy: true, failure: null});
    try {
      const result = await call(...args);
      set({busy: false, failure: null});
      if (done)
        done(result);
    } catch (failure) {
      set({busy: false, failure});
    }
  };
  return {...state, run, clear: () => set({busy: false, failure: null})};
}

/* A question before something that many devices feel. The browser keeps the focus inside, and Escape closes it. */
export function Dialog({title, onClose, children, confirm, danger, action, cli}) {
  const element = useRef(), label = useId();
  useEffect(() => {
    const dialog = element.current, before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close(); /* as long as it is open nothing else can have the focus */
      before?.focus();
    };
  }, []);
  return <dialog ref={element} aria-labelledby={label} onClose={onClose} onCancel={onClose}>
    <form method="dialog" onSubmit={event => { event.preventDefault(); action.run(); }}>
      <h2 id={label}>{title}</h2>
      {children}
      {cli && <Cli>{cli}</Cli>}
      <Failure failure={action?.failure} />
      <div class="buttons">
        <button type="button" onClick={onClose}>{confirm ? 'Cancel' : 'Close'}</button>
        {confirm && <button class={danger ? 'danger' : 'primary'} disabled={action.busy}>{confirm}</button>}
      </div>
    </form>
  </dialog>;
}

/* One bar, split by state; the numbers stand beside it, so nobody has to tell colours apart. */
export function StateBar({counts, order, total, marks = [], label}) {
  const shown = order.filter(state => counts[state] > 0);
  const sum = total || shown.reduce((all, state) => all + counts[state], 0);
  const words = shown.map(state => counts[state] + ' ' + stateWord(state)).join(', ') || 'nothing yet';
  return <div class="bar-box">
    <div class="state-bar" role="img" aria-label={(label ? label + ': ' : '') + words + marks.map(mark => '; ' + mark.text).join('')}>
      {shown.map(state => <i key={state} class={'part ' + state} style={{flexGrow: counts[state], flexBasis: 0}} title={counts[state] + ' ' + stateWord(state)} />)}
      {shown.reduce((all, state) => all - counts[state], sum) > 0 &&
        <i class="part none" style={{flexGrow: shown.reduce((all, state) => all - counts[state], sum), flexBasis: 0}} />}
    </div>
    {marks.map(mark => <b key={mark.text} class={'mark ' + mark.side} style={{left: mark.at + '%'}} title={mark.text} aria-hidden="true" />)}
  </div>;
}
export const Legend = ({counts, order}) => <ul class="legend">
  {order.filter(state => counts[state] > 0).map(state => <li key={state}><i class={'swatch ' + state} aria-hidden="true" />{plural(counts[state], stateWord(state), stateWord(state))}</li>)}
</ul>;

export const Progress = ({value, label}) => <div class="progress" role="progressbar" aria-label={label} aria-valuemin="0" aria-valuemax="100"
  aria-valuenow={value}><i style={{width: value + '%'}} /></div>;

export const Why = ({error}) => <div class="why">{errorText(error)}<span class="sub">{error.remedy}</span></div>;

export function Attempts({attempts, device}) {
  return <div class="scroll" tabIndex="0" role="region" aria-label="Updates"><table class="attempts">
    <thead><tr>{device ? null : <th scope="col">Device</th>}<th scope="col">From</th><th scope="col">To</th><th scope="col" class="medium">Way in</th>
      <th scope="col">State</th><th scope="col" class="medium">Started</th><th scope="col" class="medium">Took</th></tr></thead>
    <tbody>{attempts.map(a => <tr key={a.id}>
      {device ? null : <td><a class="mono" href={'#/devices/' + encodeURIComponent(a.device)}>{a.device}</a></td>}
      <td class="mono">{a.from || '?'}</td><td class="mono">{a.to}</td><td class="medium">{a.via || '–'}</td>
      <td><Pill state={a.state} />{a.error && <Why error={a.error} />}
        {a.log && <pre class="log" tabIndex="0" aria-label="The last lines of the image that failed">{a.log}</pre>}</td>
      <td class="medium"><When ms={a.started} /></td>
      <td class="medium nowrap">{ENDED.includes(a.state) ? span(a.updated - a.started) : '…'}</td>
    </tr>)}</tbody>
  </table></div>;
}

/* The products that are known, of releases and channels. */
export function useProducts() {
  const all = useStore(overview);
  return [...new Set([...(all?.releases || []), ...(all?.channels || [])].map(row => row.product))].sort();
}
export const isBad = state => BAD.includes(state);
