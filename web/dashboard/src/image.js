/* What a file says of itself, read in the browser before anything is sent. The server checks again, and its word counts:
 * this is for the person who chose the file. Follows format/image.h, format/signature.h, format/package.h. */
import {chips} from 'virtual:chips';

const MAGIC = 0xE9, MAGIC_8266 = 0xEA, CHECKSUM_SEED = 0xEF, DESCRIPTOR = 0xABCD5432, SECTOR = 4096;
const SIGNATURES = {2: 'RSA-3072', 3: 'ECDSA'};
const PACKAGES = [['swu', 'SWUpdate package', '070701'], ['swu', 'SWUpdate package', '070702'], ['raucb', 'RAUC bundle', 'hsqs']];

const no = (problem, remedy) => ({kind: 'unknown', problem, remedy});
const roundUp = (value, to) => Math.ceil(value / to) * to;

/* {kind: 'image' or 'package' or 'unknown', chip, version, project, idf, built, size, signature, notes: [], problem, remedy} */
export function look(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = (off, len) => new TextDecoder().decode(bytes.subarray(off, off + len)).split('\0')[0];
  const found = PACKAGES.find(([, , magic]) => text(0, magic.length) === magic);
  if (found)
    return {kind: 'package', chip: found[0], name: found[1], size: bytes.length, notes: []};
  if (bytes[0] === 0x1F && bytes[1] === 0x8B)
    return no('This is packed with gzip', 'Publish the image itself: gunzip it first.');
  if (bytes[0] === 0x7F && text(1, 3) === 'ELF')
    return no('This is an ELF file', 'Publish the .bin that the build made from it.');
  if (bytes.length < 32 || (bytes[0] !== MAGIC && bytes[0] !== MAGIC_8266))
    return no('This is no firmware image', 'Publish the application .bin of your build.');
  const old = bytes[0] === MAGIC_8266, load = view.getUint32(8, true);
  if (old || (load >= 0x3FF00000 && load < 0x40300000))
    return {kind: 'image', chip: 'esp8266', version: '', project: '', idf: '', built: '', size: bytes.length, signature: 'none', notes: []};
  return lookEsp32(bytes, view, text);
}

function lookEsp32(bytes, view, text) {
  const notes = [], id = view.getUint16(12, true), row = chips.find(chip => chip.id === id);
  let at = 24, checksum = CHECKSUM_SEED;
  for (let segment = 0; segment < bytes[1]; segment++) {
    const len = at + 8 <= bytes.length ? view.getUint32(at + 4, true) : bytes.length;
    if (at + 8 + len > bytes.length)
      return no('The image is cut short: segment ' + (segment + 1) + ' of ' + bytes[1] + ' reaches beyond the file', 'Copy the file again, or build again.');
    for (let i = at + 8; i < at + 8 + len; i++)
      checksum ^= bytes[i];
    at += 8 + len;
  }
  at = roundUp(at + 1, 16);
  if (bytes[at - 1] !== checksum)
    return no('The checksum is wrong: the file is damaged', 'Copy the file again, or build again.');
  const end = at + (bytes[23] === 1 ? 32 : 0);
  if (end > bytes.length)
    return no('The image is cut short: its hash is missing', 'Copy the file again, or build again.');
  if (bytes.length > roundUp(end, SECTOR) + SECTOR)
    return no('This is more than an application: a whole flash or a merged file', 'Publish the application .bin alone. A merged file is for the first flash over USB.');
  const described = view.getUint32(32, true) === DESCRIPTOR;
  if (!row)
    notes.push('The image is for a chip that this page does not know: 0x' + id.toString(16).padStart(4, '0') + '.');
  if (!described)
    notes.push('The image carries no description: say product and version yourself.');
  return {kind: 'image', chip: row ? row.slug : '', version: described ? text(48, 32) : '', project: described ? text(80, 32) : '',
    idf: described ? text(144, 32) : '', built: described ? (text(128, 16) + ' ' + text(112, 16)).trim() : '', size: bytes.length,
    signature: signature(bytes, end), notes};
}

function signature(bytes, end) {
  const sector = roundUp(end, SECTOR);
  const blocks = [0, 1, 2].map(i => sector + i * 1216).filter(at => bytes[at] === 0xE7 && SIGNATURES[bytes[at + 1]]);
  if (blocks.length > 0)
    return blocks.map(at => SIGNATURES[bytes[at + 1]]).join(', ');
  return bytes.length === end + 68 ? 'ECDSA, version 1' : 'none';
}

/* The rows of a binary partition table; NULL when it is none. Follows format/table.h. */
export function partitions(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), rows = [];
  for (let at = 0; at + 32 <= bytes.length && view.getUint16(at, true) === 0x50AA; at += 32)
    rows.push({type: bytes[at + 2], subtype: bytes[at + 3], offset: view.getUint32(at + 4, true), size: view.getUint32(at + 8, true),
      name: new TextDecoder().decode(bytes.subarray(at + 12, at + 28)).split('\0')[0]});
  return rows.length > 0 ? rows : null;
}
