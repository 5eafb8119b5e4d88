/** Changes inputs at random, in the ways in which real faults are found. */

/** Uniform in [0, 1). */
export type Random = () => number;

/** What a mutation may draw on. */
export interface Material {
  readonly random: Random;
  /** Other inputs, to take pieces from. */
  readonly corpus: readonly Buffer[];
  /** Pieces that decoders look for. */
  readonly words: readonly Buffer[];
}

/** Longest input; a publish has 64,000 bytes at most, and few faults need more than these. */
const usualLength = 4_096;
const longestLength = 64_000;
/** One input in so many is made very long: what takes more than linear time shows. */
const longOneIn = 200;
const mostChanges = 5;

const interestingBytes = Buffer.from('\0\t\n "\\{}[]:,.=+-/_0189aeEzZ~\x7f\x80\xc0\xe2\xed\xf0\xff', 'latin1');
const interestingNumbers = ['0', '-1', '144', '2147483647', '-2147483648', '4294967296', '9223372036854775808', '1e9'];

type Change = (input: Buffer, material: Material) => Buffer;

/** A number of random changes to an input. */
export function mutate(input: Buffer, material: Material): Buffer {
  const { random } = material;
  let changed: Buffer = Buffer.from(input);
  // Few more often than many.
  for (let left = Math.ceil(mostChanges * random() ** 3); left >= 0; left--) {
    changed = pick(changes, random)(changed, material).subarray(0, usualLength);
  }
  return below(longOneIn, random) === 0 ? lengthen(changed, material) : changed;
}

/** A sequence of numbers that a seed repeats (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const changes: readonly Change[] = [
  (input, { random }) => replaceByte(input, random, (byte) => byte ^ (1 << below(8, random))),
  (input, { random }) => replaceByte(input, random, () => below(256, random)),
  (input, { random }) => replaceByte(input, random, () => pick([...interestingBytes], random)),
  (input, { random }) => insert(input, random, Buffer.of(pick([...interestingBytes], random))),
  (input, { random }) => insert(input, random, Buffer.of(below(256, random))),
  (input, { random, words }) => insert(input, random, pick(words, random)),
  (input, { random, words }) => overwrite(input, random, pick(words, random)),
  (input, { random }) => remove(input, random),
  (input, { random }) => insert(input, random, pieceOf(input, random)),
  (input, { random, corpus }) => insert(input, random, pieceOf(pick(corpus, random), random)),
  (input, { random, corpus }) => overwrite(input, random, pieceOf(pick(corpus, random), random)),
  (input, { random }) => input.subarray(0, below(input.length + 1, random)),
  (input, { random }) => replaceNumber(input, random),
];

function below(limit: number, random: Random): number {
  return Math.floor(random() * limit);
}

function pick<T>(values: readonly T[], random: Random): T {
  const value = values[below(values.length, random)];
  if (value === undefined) throw new Error('nothing to pick from');
  return value;
}

/** Earlier bytes decide more. */
function replaceByte(input: Buffer, random: Random, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(input);
  const at = Math.floor(input.length * random() ** 2);
  if (at < copy.length) copy[at] = change(copy[at]!);
  return copy;
}

function insert(input: Buffer, random: Random, piece: Buffer): Buffer {
  const at = below(input.length + 1, random);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at)]);
}

function overwrite(input: Buffer, random: Random, piece: Buffer): Buffer {
  const at = below(input.length + 1, random);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at + piece.length)]);
}

function remove(input: Buffer, random: Random): Buffer {
  const [start, end] = range(input, random);
  return Buffer.concat([input.subarray(0, start), input.subarray(end)]);
}

function pieceOf(input: Buffer, random: Random): Buffer {
  return input.subarray(...range(input, random));
}

/** Short ranges are likelier than long ones. */
function range(input: Buffer, random: Random): [number, number] {
  const start = below(input.length + 1, random);
  return [start, start + Math.ceil((input.length - start) * random() ** 3)];
}

function replaceNumber(input: Buffer, random: Random): Buffer {
  const numbers = [...input.toString('latin1').matchAll(/-?\d+/g)];
  if (numbers.length === 0) return input;
  const { 0: digits, index } = pick(numbers, random);
  const other = Buffer.from(pick(interestingNumbers, random));
  return Buffer.concat([input.subarray(0, index), other, input.subarray(index + digits.length)]);
}

/** Repeats a piece until the input is as long as inputs may be. */
function lengthen(input: Buffer, { random }: Material): Buffer {
  const [start, end] = range(input, random);
  if (start === end) return input;
  const piece = input.subarray(start, end);
  const times = Math.floor((longestLength - input.length) / piece.length);
  return Buffer.concat([input.subarray(0, end), ...Array<Buffer>(times).fill(piece), input.subarray(end)]);
}
