/** Whose key is it? Exact for any number of keys. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyTable } from '../../../src/cli/export-file/key-table.ts';

describe('a table of keys', () => {
  it('knows the first owner of each of many keys, also after it has grown', () => {
    const table = new KeyTable();
    const keys = Array.from({ length: 50_000 }, () => randomBytes(16));
    for (const [index, key] of keys.entries()) expect(table.claim(key, index % 7)).toBe(index % 7);
    const others = keys.filter((key, index) => table.claim(key, 9) !== index % 7);
    expect(others).toEqual([]);
  });

  it('tells keys apart that differ in their last byte alone', () => {
    const table = new KeyTable();
    const keys = Array.from({ length: 256 }, (_, last) => Buffer.from([...Buffer.alloc(15, 3), last]));
    for (const [owner, key] of keys.entries()) expect(table.claim(key, owner)).toBe(owner);
  });

  it('keeps what it was told, whatever happens to the bytes', () => {
    const table = new KeyTable();
    const key = Buffer.alloc(16, 1);
    table.claim(key, 0);
    key.fill(2);
    expect(table.claim(Buffer.alloc(16, 1), 1)).toBe(0);
    expect(table.claim(key, 1)).toBe(1);
  });
});
