/*
 * Makes a QR code (ISO/IEC 18004) of a short text: byte mode, error correction level L, versions 1 to 20, which
 * hold up to 858 bytes.  The result is modules as [row][column], true for dark.
 */
const CHECK = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28]; /* error correction bytes per block, by version */
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8];
const LEVEL_L = 1;
const MASKS = [
  (x, y) => (x + y) % 2 === 0, (x, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

const bit = (value, n) => ((value >>> n) & 1) === 1;
const sizeOf = (version) => 17 + 4 * version;

/* The bytes that a version holds: data and error correction. */
function roomOf(version) {
  const aligned = version < 2 ? 0 : Math.floor(version / 7) + 2;
  const patterns = version < 2 ? 0 : (25 * aligned - 10) * aligned - 55 + (version < 7 ? 0 : 36);
  return (((16 * version + 128) * version + 64 - patterns) >> 3);
}

const dataOf = (version) => roomOf(version) - CHECK[version - 1] * BLOCKS[version - 1];
const countBits = (version) => (version < 10 ? 8 : 16);

/* The data bytes: mode, length, text, and padding up to the version's capacity. */
function frame(bytes, version) {
  const bits = [];
  const put = (value, n) => { for (let i = n - 1; i >= 0; i--) bits.push((value >>> i) & 1); };
  put(4, 4);
  put(bytes.length, countBits(version));
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, dataOf(version) * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data = [];
  for (let i = 0; i < bits.length; i += 8) data.push(parseInt(bits.slice(i, i + 8).join(""), 2));
  for (let pad = 0xec; data.length < dataOf(version); pad ^= 0xec ^ 0x11) data.push(pad);
  return data;
}

/* ---- error correction: Reed-Solomon over GF(2^8), polynomial 0x11d ---- */

function times(a, b) {
  let product = 0;
  for (let i = 7; i >= 0; i--) product = ((product << 1) ^ ((product >>> 7) * 0x11d)) ^ (((b >>> i) & 1) * a);
  return product;
}

function divisor(degree) {
  const result = [...new Array(degree - 1).fill(0), 1];
  for (let i = 0, root = 1; i < degree; i++, root = times(root, 2)) {
    for (let j = 0; j < degree; j++) result[j] = times(result[j], root) ^ (result[j + 1] ?? 0);
  }
  return result;
}

function checkBytes(data, by) {
  const rest = new Array(by.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    by.forEach((each, i) => { rest[i] ^= times(each, factor); });
  }
  return rest;
}

/* Splits data into blocks, adds each block's error correction, and interleaves them; the last blocks may be a byte longer. */
function interleave(data, version) {
  const count = BLOCKS[version - 1];
  const shortest = Math.floor(data.length / count);
  const by = divisor(CHECK[version - 1]);
  const blocks = [];
  for (let i = 0, at = 0; i < count; i++) {
    const end = at + shortest + (i >= count - (data.length % count) ? 1 : 0);
    blocks.push(data.slice(at, end));
    at = end;
  }
  const columns = (rows) => Array.from({ length: Math.max(...rows.map((r) => r.length)) },
    (_, i) => rows.map((row) => row[i]).filter((byte) => byte !== undefined)).flat();
  return [...columns(blocks), ...columns(blocks.map((block) => checkBytes(block, by)))];
}

/* ---- the grid ---- */

/* The modules that do not depend on the text; null where data goes. */
function patterns(version) {
  const size = sizeOf(version);
  const grid = Array.from({ length: size }, () => new Array(size).fill(null));
  const put = (x, y, dark) => { if (grid[y]?.[x] !== undefined) grid[y][x] = dark; };
  const rings = (cx, cy, radius, light) => {
    for (let y = -radius; y <= radius; y++) {
      for (let x = -radius; x <= radius; x++) put(cx + x, cy + y, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
    }
  };
  for (let i = 0; i < size; i++) { put(i, 6, i % 2 === 0); put(6, i, i % 2 === 0); }
  const places = alignment(version);
  const last = places.length - 1;
  places.forEach((y, i) => places.forEach((x, j) => {
    if (![[0, 0], [0, last], [last, 0]].some(([a, b]) => a === i && b === j)) rings(x, y, 2, [1]);
  }));
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) rings(x, y, 4, [2, 4]);
  if (version >= 7) versionBits(version, put, size);
  formatBits(0, put, size);
  return grid;
}

function alignment(version) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((sizeOf(version) - 13) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, i) => sizeOf(version) - 7 - i * step).reverse()];
}

function versionBits(version, put, size) {
  let rest = version;
  for (let i = 0; i < 12; i++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
  for (let i = 0; i < 18; i++) {
    const dark = bit((version << 12) | rest, i);
    put(size - 11 + (i % 3), Math.floor(i / 3), dark);
    put(Math.floor(i / 3), size - 11 + (i % 3), dark);
  }
}

/* Level and mask, twice. */
function formatBits(mask, put, size) {
  const data = (LEVEL_L << 3) | mask;
  let rest = data;
  for (let i = 0; i < 10; i++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  for (let i = 0; i < 15; i++) {
    const dark = bit(bits, i);
    if (i < 8) { put(8, i < 6 ? i : i + 1, dark); put(size - 1 - i, 8, dark); }
    else { put(i === 8 ? 7 : 14 - i, 8, dark); put(8, size - 15 + i, dark); }
  }
  put(8, size - 8, true);
}

/* Up and down in pairs of columns from the right, around the patterns. */
function* places(fixed) {
  const size = fixed.length;
  for (let right = size - 1, up = true; right > 0; right -= right === 8 ? 3 : 2, up = !up) {
    if (right === 6) right = 5;
    for (let i = 0; i < size; i++) {
      const y = up ? size - 1 - i : i;
      for (const x of [right, right - 1]) if (fixed[y][x] === null) yield [x, y];
    }
  }
}

function masked(fixed, bytes, mask) {
  const grid = fixed.map((row) => [...row]);
  let n = 0;
  for (const [x, y] of places(fixed)) {
    grid[y][x] = (n < bytes.length * 8 && bit(bytes[n >> 3], 7 - (n & 7))) !== MASKS[mask](x, y);
    n++;
  }
  formatBits(mask, (x, y, dark) => { grid[y][x] = dark; }, grid.length);
  return grid;
}

/* How hard a grid is to scan: long runs and blocks of one colour. */
function penalty(grid) {
  const lines = [...grid, ...grid.map((_, i) => grid.map((row) => row[i]))].map((line) => line.map(Number).join(""));
  const runs = lines.flatMap((line) => line.match(/0{5,}|1{5,}/g) ?? []).reduce((sum, run) => sum + run.length - 2, 0);
  let blocks = 0;
  for (let y = 1; y < grid.length; y++) {
    for (let x = 1; x < grid.length; x++) {
      blocks += [grid[y - 1][x], grid[y][x - 1], grid[y - 1][x - 1]].every((dark) => dark === grid[y][x]) ? 3 : 0;
    }
  }
  return runs + blocks;
}

/* The modules of a text's QR code; null if the text is too long. */
export function qrCode(text) {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex((_, i) => (4 + countBits(i + 1)) / 8 + bytes.length <= dataOf(i + 1)) + 1;
  if (version === 0) return null;
  const all = interleave(frame(bytes, version), version);
  const fixed = patterns(version);
  const grids = MASKS.map((_, mask) => masked(fixed, all, mask));
  const scores = grids.map(penalty);
  return grids[scores.indexOf(Math.min(...scores))];
}
