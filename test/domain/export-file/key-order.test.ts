/** The order of keys over blocks. */
import { describe, expect, it } from 'vitest';
import { KeyOrder } from '../../../src/domain/export-file/key-order.ts';
import { blockOf, sampleRow } from '../../support/export-file.ts';

function isAccepted(...blocks: readonly (readonly Buffer[])[]): boolean {
  const order = new KeyOrder();
  return blocks.every((keys) => order.accept(blockOf(keys.map((key) => sampleRow(0, { key })))));
}

const key = (first: number, last: number): Buffer => Buffer.from([first, 0, 0, 0, ...Buffer.alloc(11), last]);

describe('the order of keys', () => {
  it('ascends by unsigned bytes, also in the last byte', () => {
    expect(isAccepted([key(0x7f, 0), key(0x80, 0), key(0x80, 1), key(0xff, 0)])).toBe(true);
  });

  it('does not descend within a block', () => {
    expect(isAccepted([key(2, 0), key(1, 0)])).toBe(false);
    expect(isAccepted([key(1, 2), key(1, 1)])).toBe(false);
  });

  it('does not repeat a key', () => {
    expect(isAccepted([key(1, 1), key(1, 1)])).toBe(false);
    expect(isAccepted([key(1, 1)], [key(1, 1)])).toBe(false);
  });

  it('goes on from one block to the next, over empty ones', () => {
    expect(isAccepted([key(1, 0)], [], [key(2, 0)])).toBe(true);
    expect(isAccepted([key(1, 0), key(2, 0)], [], [key(1, 1)])).toBe(false);
  });
});
