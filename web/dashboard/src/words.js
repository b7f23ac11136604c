/* Numbers, times and states as people read them. */
import {chips} from 'virtual:chips';

export const STATES = {
  waiting: 'waiting', offered: 'offered', queued: 'queued', downloading: 'downloading', written: 'restarting', restarting: 'restarting',
  trial: 'on trial', confirmed: 'confirmed', rolled_back: 'rolled back', failed: 'failed', postponed: 'postponed', silent: 'silent',
  seen: 'seen', scheduled: 'scheduled', running: 'running', paused: 'paused', stopped: 'stopped itself', aborted: 'aborted', done: 'done',
};
/* From what went well to what did not: the order of bars and legends. */
export const ORDER = ['confirmed', 'trial', 'written', 'downloading', 'offered', 'waiting', 'seen', 'postponed', 'silent', 'failed', 'rolled_back'];
export const ROLLOUT_ORDER = ['confirmed', 'trial', 'written', 'downloading', 'offered', 'waiting', 'postponed', 'silent', 'failed', 'rolled_back'];
export const BAD = ['failed', 'rolled_back'];
export const BUSY = ['offered', 'downloading', 'written'];
export const ENDED = ['confirmed', 'failed', 'rolled_back'];
export const stateWord = state => STATES[state] || String(state).replaceAll('_', ' ');

export const chip = slug => chips.find(row => row.slug === slug);
export const chipName = slug => chip(slug)?.name || slug || '–';

export const count = number => number.toLocaleString('en');
export const plural = (number, one, many = one + 's') => count(number) + ' ' + (number === 1 ? one : many);

export function ago(ms, now) {
  const s = Math.round((now - ms) / 1000);
  if (s < -60)
    return 'in ' + span(-s * 1000);
  if (s < 3)
    return 'now';
  if (s < 60)
    return s + ' s ago';
  if (s < 3600)
    return Math.floor(s / 60) + ' min ago';
  if (s < 86400)
    return Math.floor(s / 3600) + ' h ago';
  return plural(Math.floor(s / 86400), 'day') + ' ago';
}
export function span(ms) {
  const s = ms / 1000;
  return s < 10 ? s.toFixed(1) + ' s' : s < 120 ? Math.round(s) + ' s' : s < 7200 ? Math.round(s / 60) + ' min'
    : s < 172800 ? Math.round(s / 3600) + ' h' : Math.round(s / 86400) + ' days';
}
export const size = bytes => bytes < 10240 ? count(bytes) + ' B' : bytes < 1048576 ? Math.round(bytes / 1024) + ' KB' : (bytes / 1048576).toFixed(2) + ' MB';
export const percent = (part, whole) => whole > 0 ? Math.round(part * 1000 / whole) / 10 : 0;

/* A word of a command line as a shell reads it. */
export const shell = text => /^[\w@%+=:,./-]+$/.test(text) ? text : "'" + String(text).replaceAll("'", "'\\''") + "'";
/* Words of a command line; null and false are left away, [option, value] only counts with a value. */
export const command = (...words) => ['updraft', ...words.filter(Boolean).flatMap(word => Array.isArray(word)
  ? word[1] === '' || word[1] === null || word[1] === undefined || word[1] === false ? [] : word[1] === true ? [word[0]] : [word[0], shell(word[1])]
  : [shell(word)])].join(' ');

export const errorText = error => error.text || error.name.replaceAll('_', ' ');
export const byName = new Intl.Collator('en', {numeric: true});
