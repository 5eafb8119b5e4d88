import { describe, expect, it } from 'vitest';
import { readZip } from '../../src/platform/read-zip.ts';
import { makeZip } from '../support/zip.ts';

const wanted = new Map([['a.bin', 100]]);
const invalid = (message: string) => ({ kind: 'invalid', code: 'export_file_invalid', message });

describe('reading a zip', () => {
  it('gives what is wanted, names everything, and inflates nothing else', async () => {
    const zip = makeZip([
      { name: 'other', content: Buffer.alloc(10_000), claimedSize: 1 },
      { name: 'a.bin', content: Buffer.alloc(100, 7) },
    ]);
    const { names, contents } = await readZip(zip, wanted);
    expect(names).toEqual(['other', 'a.bin']);
    expect([...contents]).toEqual([['a.bin', Buffer.alloc(100, 7)]]);
  });

  it('takes the first of two entries with one name', async () => {
    const zip = makeZip([
      { name: 'a.bin', content: Buffer.from('first') },
      { name: 'a.bin', content: Buffer.from('second') },
    ]);
    expect((await readZip(zip, wanted)).contents.get('a.bin')!.toString()).toBe('first');
  });

  it('refuses an entry larger than wanted by what it says', async () => {
    const zip = makeZip([{ name: 'a.bin', content: Buffer.alloc(101) }]);
    await expect(readZip(zip, wanted)).rejects.toMatchObject(invalid('a.bin is too large'));
  });

  it('refuses a bomb that says it is small', async () => {
    const zip = makeZip([{ name: 'a.bin', content: Buffer.alloc(50_000_000), claimedSize: 100 }]);
    expect(zip.length).toBeLessThan(60_000);
    await expect(readZip(zip, wanted)).rejects.toMatchObject({ code: 'export_file_invalid' });
  });

  it('takes 64 entries and no more', async () => {
    const entries = Array.from({ length: 65 }, (_, index) => ({ name: `${index}`, content: Buffer.alloc(0) }));
    expect((await readZip(makeZip(entries.slice(1)), wanted)).names).toHaveLength(64);
    await expect(readZip(makeZip(entries), wanted)).rejects.toMatchObject(invalid('has too many entries'));
  });

  it('refuses content that is not what was packed, and what is no zip', async () => {
    const zip = makeZip([{ name: 'a.bin', content: Buffer.from('content') }]);
    zip[zip.indexOf('a.bin', zip.length - 60) - 46 + 16]! ^= 1;
    await expect(readZip(zip, wanted)).rejects.toMatchObject({ code: 'export_file_invalid' });
    await expect(readZip(Buffer.from('<html>'), wanted)).rejects.toMatchObject({ code: 'export_file_invalid' });
    await expect(readZip(Buffer.alloc(0), wanted)).rejects.toMatchObject({ code: 'export_file_invalid' });
  });
});
