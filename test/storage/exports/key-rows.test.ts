/** Cutting the bytes of a binary COPY into rows. */
import { describe, expect, it } from 'vitest';
import { NO_ONSET } from '../../../src/domain/export-file/key-block.ts';
import { KeyRows } from '../../../src/storage/exports/key-rows.ts';

const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const trailer = Buffer.from([0xff, 0xff]);
const onsets = [0, null, -14, null, 14, 3, null];
const copy = Buffer.concat([header, ...onsets.map((onset, number) => rowBytes(number, onset)), trailer]);

function rowBytes(number: number, onset: number | null): Buffer {
  const key = Buffer.alloc(16, number);
  const int16 = (value: number): Buffer => Buffer.from([value >> 8, value]);
  const fields = [key, Buffer.from([0, 0x2c, 0x40, number]), int16(144), int16(2), int16(1)];
  const sized = fields.flatMap((field) => [Buffer.from([0, 0, 0, field.length]), field]);
  const last = onset === null ? [Buffer.alloc(4, 0xff)] : [Buffer.from([0, 0, 0, 2]), int16(onset)];
  return Buffer.concat([int16(6), ...sized, ...last]);
}

/** Number, start, period, risk, report type and onset of each row. */
function read(chunks: readonly Buffer[], capacity: number): number[][] {
  const rows = new KeyRows(capacity);
  const { block } = rows;
  const found: number[][] = [];
  const take = (): void => {
    for (let row = 0; row < block.count; row++) {
      const { keys, start, period, risk, reportType, onset } = block;
      expect(keys.subarray(row * 16, row * 16 + 16)).toEqual(Buffer.alloc(16, keys[row * 16]));
      found.push([keys[row * 16]!, start[row]!, period[row]!, risk[row]!, reportType[row]!, onset[row]!]);
    }
    block.count = 0;
  };
  for (const chunk of chunks) {
    rows.push(chunk);
    while (rows.fill()) take();
  }
  rows.end();
  take();
  return found;
}

const expected = onsets.map((onset, number) => [number, 0x2c4000 + number, 144, 2, 1, onset ?? NO_ONSET]);

describe('rows', () => {
  it('are the same wherever the bytes are cut', () => {
    for (let cut = 0; cut <= copy.length; cut++) {
      expect(read([copy.subarray(0, cut), copy.subarray(cut)], 100)).toEqual(expected);
    }
  });

  it('are the same byte by byte', () => {
    const bytes = Array.from(copy, (byte) => Buffer.from([byte]));
    expect(read(bytes, 100)).toEqual(expected);
  });

  it.each([1, 2, 3, 6, 7, 8])('are the same in blocks of %d', (capacity) => {
    expect(read([copy], capacity)).toEqual(expected);
    expect(read([copy.subarray(0, 200), copy.subarray(200)], capacity)).toEqual(expected);
  });

  it('may be none', () => {
    expect(read([Buffer.concat([header, trailer])], 100)).toEqual([]);
  });
});

describe('bytes that are no rows of keys', () => {
  it.each([
    ['without the end', copy.subarray(0, -2)],
    ['cut within a row', copy.subarray(0, -10)],
    ['of nothing', Buffer.alloc(0)],
    ['cut within the header', header.subarray(0, 18)],
    ['with another header', Buffer.concat([Buffer.alloc(19), copy.subarray(19)])],
    ['with more behind the end', Buffer.concat([copy, Buffer.from([0])])],
    ['with five fields', changed(header.length + 1, 5)],
    ['with an onset of three bytes', changed(header.length + 51, 3)],
  ])('%s are refused', (_, bytes) => {
    expect(() => read([bytes], 100)).toThrow(expect.objectContaining({ kind: 'internal' }));
  });
});

function changed(at: number, value: number): Buffer {
  const bytes = Buffer.from(copy);
  bytes[at] = value;
  return bytes;
}
