/* What is shown follows the server by itself. One watcher asks for the overview: when the server's event stream says that
 * something changed, or each second where there is no stream. A change makes every useLive() ask again, at most once a second. */
import {useEffect, useRef, useState} from 'preact/hooks';
import {ask, listen, onSignedOut, token} from './api.js';

export function store(value) {
  const subscribers = new Set();
  return {
    get: () => value,
    set(next) {
      if (next !== value) {
        value = next;
        for (const call of [...subscribers])
          call(next);
      }
    },
    subscribe(call) {
      subscribers.add(call);
      return () => subscribers.delete(call);
    },
  };
}
export function useStore(source) {
  const [value, set] = useState(source.get());
  useEffect(() => {
    set(source.get());
    return source.subscribe(set);
  }, [source]);
  return value;
}

export const signedIn = store(false);
export const wrongToken = store(false);
export const overview = store(null);
export const link = store('idle'); /* idle, live, lost */
export const change = store(0);    /* counts what the overview has seen change */
export const now = store(Date.now());
export const said = store('');     /* for screen readers */

let etag = '', skew = 0, timer = 0, lastAsk = 0, streaming = false, noStreamUntil = 0, stream = null;

setInterval(() => { if (!document.hidden) now.set(Date.now() + skew); }, 1000);

/* That a device was merely seen is no event, and some states come by waiting: now and then all is asked again. */
setInterval(() => {
  if (!document.hidden && link.get() === 'live')
    change.set(change.get() + 1);
}, 15000);

export function announce(text) {
  said.set('');
  setTimeout(() => said.set(text), 60);
}

function announceChanges(before, after) {
  if (!before || !after)
    return;
  const more = (names, words) => {
    const count = names.reduce((sum, name) => sum + (after.states[name] || 0) - (before.states[name] || 0), 0);
    return count > 0 ? [count + ' more ' + words] : [];
  };
  const text = [...more(['failed', 'rolled_back'], 'failed or rolled back'), ...more(['confirmed'], 'confirmed')].join(', ');
  if (text)
    announce(text);
}

async function look() {
  clearTimeout(timer);
  if (document.hidden || !signedIn.get())
    return;
  lastAsk = Date.now();
  try {
    const answer = await ask('GET', 'api/v1/overview?limit=1', {etag});
    if (answer.status === 200) {
      announceChanges(overview.get()?.summary, answer.data.summary);
      etag = answer.etag;
      skew = answer.data.now - Date.now();
      now.set(answer.data.now);
      overview.set(answer.data);
      change.set(change.get() + 1);
    }
    link.set('live');
    listenOnce();
  } catch (error) {
    if (error.status === 401)
      return;
    link.set('lost');
    streaming = false;
  }
  clearTimeout(timer);
  if (!streaming)
    timer = setTimeout(look, 1000);
}

/* Not more than one question a second, however many events there are. */
function lookSoon() {
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(100, 1000 - (Date.now() - lastAsk)));
}
export { lookSoon };

async function listenOnce() {
  if (stream || Date.now() < noStreamUntil)
    return;
  const mine = stream = new AbortController();
  try {
    const had = await listen('api/v1/events', mine.signal, () => {
      streaming = true;
      lookSoon(); /* what changed between the last question and the first event */
    }, lookSoon);
    if (!had)
      noStreamUntil = Date.now() + 60000; /* too many follow it already, or a front server keeps it away */
  } catch { /* polling finds out what is wrong */ }
  if (stream === mine)
    stream = null;
  streaming = false;
  lookSoon();
}

function stopListening() {
  stream?.abort();
  stream = null;
  streaming = false;
}

export function signIn(text) {
  token.set(text);
  start();
}
export function signOut(wrong = false) {
  token.set(null);
  stopListening();
  clearTimeout(timer);
  etag = '';
  overview.set(null);
  wrongToken.set(wrong);
  signedIn.set(false);
  link.set('idle');
}
export function start() {
  stopListening();
  etag = '';
  noStreamUntil = 0;
  overview.set(null);
  signedIn.set(Boolean(token.get()));
  look();
}
onSignedOut(() => signOut(true));
document.addEventListener('visibilitychange', () => {
  if (document.hidden)
    stopListening();
  else
    look();
});

/* What path answers, asked again after every change. The last answer stays while the next is on its way. */
export function useLive(path) {
  const [state, set] = useState({path: null, data: null, failure: null});
  const seen = useStore(change);
  const [asked, askAgain] = useState(0);
  const running = useRef(null);
  useEffect(() => () => {
    running.current?.abort.abort();
    running.current = null;
  }, [path]);
  useEffect(() => {
    if (!path)
      return;
    if (running.current) {
      running.current.again = true;
      return;
    }
    const run = running.current = {abort: new AbortController(), again: false};
    const done = next => {
      if (running.current !== run)
        return;
      running.current = null;
      set(next);
      if (run.again)
        askAgain(count => count + 1);
    };
    ask('GET', path, {signal: run.abort.signal}).then(({data}) => done({path, data, failure: null}),
      failure => { if (failure.name !== 'AbortError') done(last => ({path, data: last.path === path ? last.data : null, failure})); });
  }, [path, seen, asked]);
  return {...state, busy: state.path !== path, reload: () => askAgain(count => count + 1)};
}
