/* The dashboard as a few files with hashed names: a page, a script, a style sheet, and what only some pages need as files of
 * its own. Nothing is inlined, so that the server's policy needs no exceptions; every address is relative. */
import {readFileSync} from 'node:fs';
import {defineConfig} from 'vite';

/* The chips' ids, names and places of the boot loader, out of the header that the programs are made with. */
const header = process.env.UPDRAFT_CHIP_ROWS || new URL('../../format/chip_rows.h', import.meta.url);
function chips() {
  const text = readFileSync(header, 'utf8');
  const rows = [...text.matchAll(/^ *ROW\((\w+), "([^"]+)", "([^"]+)", (0x[0-9A-Fa-f]+),/gm)]
    .map(([, id, name, slug, loader]) => ({id: id.startsWith('0x') ? Number(id) : null, name, slug, loader: Number(loader)}));
  if (rows.length < 10)
    throw new Error('chip_rows.h does not look as it did');
  return {
    name: 'updraft-chips',
    resolveId: id => id === 'virtual:chips' ? '\0' + id : null,
    load: id => id === '\0virtual:chips' ? 'export const chips = ' + JSON.stringify(rows) : null,
  };
}

export default defineConfig({
  base: './',
  plugins: [chips()],
  esbuild: {jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none'},
  build: {
    target: 'es2021',
    assetsInlineLimit: 0,
    modulePreload: {polyfill: false},
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
  },
  /* `npm run dev` beside an updraftd: UPDRAFT_URL=http://127.0.0.1:8080 npm run dev */
  server: {proxy: {'/api': process.env.UPDRAFT_URL || 'http://127.0.0.1:8080', '/d': process.env.UPDRAFT_URL || 'http://127.0.0.1:8080'}},
});
