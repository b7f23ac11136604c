import {render} from 'preact';
import {App} from './app.jsx';
import {token} from './api.js';
import {start} from './live.js';
import './style.css';

addEventListener('hashchange', () => { if (token.take()) start(); });
token.take();
start();
render(<App />, document.getElementById('app'));
