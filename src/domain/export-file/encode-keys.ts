/** Keys as fields 7 and 8 of `export.bin`: the hot loop, so it makes no objects. */
import { KEY_LENGTH, maxRollingPeriod, type KeyList } from './format.ts';
import { NO_ONSET, type KeyBlock } from './key-block.ts';

/** Room that one 16-byte key needs at most, whatever its values. */
export const MAX_KEY_RECORD_BYTES = 64;

/** Where encoded bytes go: a buffer of the caller's and how far it is filled. */
export interface ByteSink {
  readonly bytes: Buffer;
  offset: number;
}

/** Which rows go where. */
export interface EncodeKeysOptions {
  readonly list: KeyList;
  /** First row. */
  readonly from: number;
  /** Bytes of one key in the block; 16 but in test vectors. */
  readonly keyLength?: number;
}

const tagKeys = 0x3a;
const tagRevisedKeys = 0x42;
const tagKeyData = 0x0a;
const tagRisk = 0x10;
const tagStart = 0x18;
const tagPeriod = 0x20;
const tagReportType = 0x28;
const tagOnset = 0x30;

/**
 * Encodes rows of the block until it ends or the sink is full.
 *
 * Reference 1.2: the risk is always written, the start left out only when 0, the period exactly when 144, the report type
 * when none, the onset when none (0 is written).
 *
 * @returns the first row that is not yet encoded
 */
export function encodeKeys(sink: ByteSink, block: KeyBlock, options: EncodeKeysOptions): number {
  const { from, list, keyLength = KEY_LENGTH } = options;
  const tag = list === 'keys' ? tagKeys : tagRevisedKeys;
  const room = Math.floor((sink.bytes.length - sink.offset) / MAX_KEY_RECORD_BYTES);
  const end = Math.min(block.count, from + room);
  const bytes = sink.bytes;
  let offset = sink.offset;
  for (let row = from; row < end; row++) {
    const body = offset + 2;
    bytes[offset] = tag;
    bytes[body] = tagKeyData;
    bytes[body + 1] = keyLength;
    offset = body + 2;
    // A loop beats copy() for 16 bytes.
    for (let i = row * keyLength; i < (row + 1) * keyLength; i++) bytes[offset++] = block.keys[i]!;
    offset = encodeAttributes(bytes, offset, block, row);
    bytes[body - 1] = offset - body;
  }
  sink.offset = offset;
  return end;
}

/** All of a key but its bytes, at `at`; returns where it ends. Four arguments, since this runs once a key. */
function encodeAttributes(bytes: Buffer, at: number, block: KeyBlock, row: number): number {
  const start = block.start[row]!;
  const period = block.period[row]!;
  const reportType = block.reportType[row]!;
  const onset = block.onset[row]!;
  bytes[at] = tagRisk;
  let offset = writeInt32(bytes, at + 1, block.risk[row]!);
  if (start !== 0) {
    bytes[offset] = tagStart;
    offset = writeInt32(bytes, offset + 1, start);
  }
  if (period !== maxRollingPeriod) {
    bytes[offset] = tagPeriod;
    offset = writeInt32(bytes, offset + 1, period);
  }
  if (reportType !== 0) {
    bytes[offset] = tagReportType;
    offset = writeInt32(bytes, offset + 1, reportType);
  }
  if (onset !== NO_ONSET) {
    bytes[offset] = tagOnset;
    offset = writeInt32(bytes, offset + 1, (onset << 1) ^ (onset >> 31));
  }
  return offset;
}

/** A varint `int32`: negative numbers take ten bytes, as if they had 64 bits. */
function writeInt32(bytes: Buffer, at: number, value: number): number {
  let offset = at;
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes[offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  if (value >= 0) {
    bytes[offset++] = rest;
    return offset;
  }
  bytes[offset++] = rest | 0xf0;
  for (let i = 0; i < 4; i++) bytes[offset++] = 0xff;
  bytes[offset++] = 0x01;
  return offset;
}
