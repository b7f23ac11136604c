/* The frame around the pages: who is signed in, where one is, and whether the server is there. */
import {useEffect, useRef, useState} from 'preact/hooks';
import {get} from './api.js';
import {link, overview, said, signedIn, signIn, signOut, useStore, wrongToken} from './live.js';
import {href, useRoute} from './route.js';
import {Audit} from './pages/audit.jsx';
import {Channels} from './pages/channels.jsx';
import {Device} from './pages/device.jsx';
import {Devices} from './pages/devices.jsx';
import {Flash} from './pages/flash.jsx';
import {Overview} from './pages/overview.jsx';
import {Releases} from './pages/releases.jsx';
import {Rollout} from './pages/rollout.jsx';
import {NewRollout} from './pages/rollout_new.jsx';
import {Rollouts} from './pages/rollouts.jsx';
import {Tokens} from './pages/tokens.jsx';
import {BAD} from './words.js';

const PAGES = {
  '': {title: 'Overview', page: () => <Overview />},
  devices: {title: 'Devices', page: ([, id]) => id ? <Device key={id} id={id} /> : <Devices />},
  releases: {title: 'Releases', page: () => <Releases />},
  channels: {title: 'Channels', page: () => <Channels />},
  rollouts: {title: 'Rollouts', page: ([, id]) => id === 'new' ? <NewRollout /> : id ? <Rollout key={id} id={id} /> : <Rollouts />},
  flash: {title: 'First flash', page: () => <Flash />},
  tokens: {title: 'Tokens', admin: true, page: () => <Tokens />},
  audit: {title: 'Audit', admin: true, page: () => <Audit />},
};
const LINK = {idle: 'signed out', live: 'live', lost: 'no connection, trying again'};

function Head({children}) {
  const state = useStore(link);
  return <header>
    <a class="brand" href="#/"><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#2563eb" /><path d="M16 7l8 9h-5v9h-6v-9H8z" fill="#fff" /></svg>Updraft</a>
    {children}
    <div id="link" role="status" data-state={state}>{LINK[state]}</div>
  </header>;
}

function SignIn() {
  const wrong = useStore(wrongToken), [text, set] = useState(''), input = useRef();
  useEffect(() => input.current.focus(), [wrong]);
  return <><Head /><main><section class="card" id="sign-in" aria-labelledby="sign-in-title">
    <h1 id="sign-in-title">Sign in</h1>
    <p>The token is in the file <span class="mono">token</span> of the server’s data directory.</p>
    <form onSubmit={event => { event.preventDefault(); signIn(text.trim()); set(''); }}>
      <label for="token">Token</label>
      <input id="token" ref={input} type="password" autocomplete="off" spellcheck={false} required value={text} onInput={event => set(event.currentTarget.value)} />
      <button class="primary">Sign in</button>
      {wrong && <p class="why" role="alert">That token is not the server’s.</p>}
    </form>
  </section></main></>;
}

/* Whether the token is an admin's: only then the pages for admins are shown. */
function useAdmin() {
  const [admin, set] = useState(false);
  useEffect(() => { get('api/v1/tokens').then(() => set(true), () => set(false)); }, []);
  return admin;
}

function Signed() {
  const route = useRoute(), all = useStore(overview), admin = useAdmin(), heading = useRef(), first = useRef(true);
  const name = route.parts[0] || '', page = PAGES[name];
  const bad = all ? BAD.reduce((sum, state) => sum + (all.summary.states[state] || 0), 0) : 0;
  const title = route.parts[1] || page?.title || 'Not found';
  useEffect(() => { document.title = (bad ? '(' + bad + ') ' : '') + (name ? title + ' – ' : '') + 'Updraft'; }, [bad, title, name]);
  useEffect(() => {
    /* A new page begins at its top, for the eyes and for a screen reader. */
    if (!first.current) {
      scrollTo(0, 0);
      (heading.current.querySelector('h1') || heading.current).focus();
      document.querySelector('nav [aria-current]')?.scrollIntoView({inline: 'center', block: 'nearest'});
    }
    first.current = false;
  }, [route.parts.join('/')]);
  return <>
    <a class="skip" href="#main" onClick={event => { event.preventDefault(); heading.current.focus(); }}>To the content</a>
    <Head><nav aria-label="Pages">{Object.entries(PAGES).filter(([, row]) => admin || !row.admin).map(([key, row]) =>
      <a key={key} href={href(key ? [key] : [])} aria-current={key === name ? 'page' : undefined}>{row.title}</a>)}
      <button type="button" class="plain" onClick={() => signOut()}>Sign out</button></nav></Head>
    <main id="main" tabIndex="-1" ref={heading}>
      {!page ? <><h1 tabIndex="-1">Not found</h1><p>There is no such page. <a href="#/">Overview</a></p></>
        : <>{page.page(route.parts)}</>}
    </main>
  </>;
}

export function App() {
  const signed = useStore(signedIn), text = useStore(said);
  return <>{signed ? <Signed /> : <SignIn />}<div class="hidden" role="status" aria-live="polite" id="said">{text}</div></>;
}
