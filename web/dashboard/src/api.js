/* The server's REST interface: the token, questions and answers, refusals with their remedy. Addresses are relative to the
 * page, so that it also works under a folder of a front server. */
const KEY = 'updraft-token';

/* The token lives as long as the tab. It comes by sign-in or as #token= in the address, out of which it is taken at once. */
export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: text => text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY),
  take() {
    const match = /^#token=([0-9a-f]+)$/i.exec(location.hash);
    if (match) {
      token.set(match[1]);
      history.replaceState(null, '', location.pathname + location.search);
    }
    return Boolean(match);
  },
};

/* Status 0: the server could not be reached, or stopped in the middle of its answer. */
export class Refusal extends Error {
  constructor(status, {message, remedy = '', code = ''} = {}) {
    super(message || 'the server answered with status ' + status);
    Object.assign(this, {status, remedy, code});
  }
}

const away = () => new Refusal(0, {message: 'the server does not answer', remedy: 'Look whether updraftd runs and the network is up.'});

let signedOut = () => {};
export function onSignedOut(call) { signedOut = call; }

/* `used` is the token that was sent: an answer to an earlier one says nothing of the one in use. */
function refusal(status, text, used) {
  let error;
  try {
    error = JSON.parse(text).error;
  } catch { /* a front server speaks for itself */ }
  if (status === 401 && used === token.get())
    signedOut();
  return new Refusal(status, error);
}

/* Gives {status, data, etag}; 304 has no data. Throws a Refusal. */
export async function ask(method, path, {body, signal, etag} = {}) {
  const used = token.get(), headers = {Authorization: 'Bearer ' + used};
  if (body !== undefined)
    headers['Content-Type'] = 'application/json';
  if (etag)
    headers['If-None-Match'] = etag;
  let answer, text;
  const end = AbortSignal.timeout(15000);
  try {
    answer = await fetch(path, {method, headers, cache: 'no-store', body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? either(signal, end) : end});
    text = await answer.text();
  } catch {
    throw signal?.aborted ? new DOMException('', 'AbortError') : away();
  }
  if (!answer.ok && answer.status !== 304)
    throw refusal(answer.status, text, used);
  try {
    return {status: answer.status, data: text ? JSON.parse(text) : null, etag: answer.headers.get('ETag') || ''};
  } catch {
    throw away();
  }
}
export const get = async (path, options) => (await ask('GET', path, options)).data;

function either(a, b) {
  const both = new AbortController();
  for (const one of [a, b]) {
    if (one.aborted)
      both.abort();
    one.addEventListener('abort', () => both.abort(), {once: true});
  }
  return both.signal;
}

/* A stream of server-sent events; calls heard(kind, data) for each until the stream ends. False when the server has none. */
export async function listen(path, signal, started, heard) {
  const used = token.get();
  const answer = await fetch(path, {headers: {Authorization: 'Bearer ' + used, Accept: 'text/event-stream'}, cache: 'no-store', signal});
  if (answer.status === 401)
    throw refusal(401, await answer.text(), used);
  if (!answer.ok || !/^text\/event-stream/.test(answer.headers.get('Content-Type') || ''))
    return false;
  started();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = '';;) {
    const {done, value} = await reader.read();
    if (done)
      return true;
    const events = (rest + value.replaceAll('\r', '')).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const lines = event.split('\n');
      const field = name => lines.filter(line => line.startsWith(name + ':')).map(line => line.slice(name.length + 1).trim()).join('\n');
      if (field('data'))
        heard(field('event') || 'message', field('data'));
    }
  }
}

/* Sends a file; fetch cannot say how far it is. */
export function upload(path, file, progress, signal) {
  return new Promise((done, failed) => {
    const used = token.get(), request = new XMLHttpRequest();
    request.open('POST', path);
    request.setRequestHeader('Authorization', 'Bearer ' + used);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = event => progress(event.loaded, file.size);
    request.onerror = () => failed(away());
    request.onabort = () => failed(new Refusal(0, {message: 'the upload was stopped', remedy: 'Nothing was published.'}));
    request.onload = () => request.status < 300 ? done(JSON.parse(request.responseText)) : failed(refusal(request.status, request.responseText, used));
    signal?.addEventListener('abort', () => request.abort(), {once: true});
    request.send(file);
  });
}

/* An address with the parameters that have a value. */
export function query(path, parameters) {
  const text = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== '' && value !== null && value !== undefined)).toString();
  return text ? path + '?' + text : path;
}
