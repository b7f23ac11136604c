/* The page that is shown, in the address behind the #: #/devices?filter=... */
import {useEffect, useState} from 'preact/hooks';
import {store, useStore} from './live.js';

function read() {
  const [path, parameters = ''] = location.hash.replace(/^#(token=.*|\/)?/, '').split('?');
  let parts;
  try {
    parts = path.split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    parts = ['?'];
  }
  return {key: location.hash, parts, query: Object.fromEntries(new URLSearchParams(parameters))};
}

const route = store(read());
addEventListener('hashchange', () => route.set(read()));

export const useRoute = () => useStore(route);

export function href(parts, parameters = {}) {
  const text = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();
  return '#/' + parts.map(encodeURIComponent).join('/') + (text ? '?' + text : '');
}
export function go(address) { location.hash = address; }
/* The same page with other parameters: no new entry in the browser's history. */
export function refine(parameters) {
  const {parts, query} = read();
  const address = href(parts, {...query, ...parameters});
  if (address !== location.hash) {
    history.replaceState(null, '', address);
    route.set(read());
  }
}

/* The value, once it has rested for a while. */
export function useRested(value, ms = 300) {
  const [rested, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return rested;
}
