/** Names, index and splitting of files. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileName, indexName, isCopyName, isFileName } from '../../../src/domain/export/file-name.ts';
import { indexText } from '../../../src/domain/export/index-text.ts';
import { fileEnd, splitBatch } from '../../../src/domain/export/split.ts';

describe('file names', () => {
  it('carry the root, the times and the number in five digits', () => {
    const zero = new Date(0);
    expect(fileName({ filenameRoot: 'v1', windowStart: zero, windowEnd: zero, revision: 0, number: 1 })).toBe(
      'v1/0-0-00001.zip',
    );
  });

  it('add the revision to both times', () => {
    const times = { windowStart: new Date(100_000), windowEnd: new Date(300_000) };
    expect(fileName({ filenameRoot: 'v2', ...times, revision: 3, number: 1 })).toBe('v2/103-303-00001.zip');
  });

  it('are told from other segments', () => {
    expect(isFileName('1600000000-1600003600-00001.zip')).toBe(true);
    for (const other of ['index.txt', '../1-2-00001.zip', '1-2-0001.zip', '1-2-00001.zip\n', '1-2-00001.zip/..']) {
      expect(isFileName(other)).toBe(false);
    }
  });

  it('of copies are those that every store and URL takes as they are', () => {
    for (const name of ['1600000000-1600003600-00001.zip', 'Keys_1.zip', `${'a'.repeat(200)}.zip`]) {
      expect(isCopyName(name)).toBe(true);
    }
    for (const other of ['.zip', '.a.zip', 'a/b.zip', 'a%2f.zip', 'a.zip\n', 'a.ZIP', `${'a'.repeat(201)}.zip`]) {
      expect(isCopyName(other)).toBe(false);
    }
  });

  it('stand beside the index', () => {
    expect(indexName('aa')).toBe('aa/index.txt');
  });
});

describe('the index', () => {
  it('lists each name once, in byte order, without a newline at the end', () => {
    expect(indexText(['b/2-3-00001.zip', 'a/1-2-00002.zip', 'a/1-2-00001.zip', 'b/2-3-00001.zip'])).toBe(
      'a/1-2-00001.zip\na/1-2-00002.zip\nb/2-3-00001.zip',
    );
  });

  it('lists files of a root that was left among the others, oldest first', () => {
    const names = ['zz/1600000000-1600003600-00001.zip', 'aa/1600003600-1600007200-00001.zip'];
    expect(indexText(names.toReversed())).toBe(names.join('\n'));
  });

  it('is empty without files', () => {
    expect(indexText([])).toBe('');
  });
});

describe('Export decision 8: splitting', () => {
  it('makes no file without keys and one file up to the limit', () => {
    expect(splitBatch({ keys: 0, revisedKeys: 0, maxRecords: 10 })).toEqual([]);
    expect(splitBatch({ keys: 7, revisedKeys: 3, maxRecords: 10 })).toEqual([
      { number: 1, keys: { from: 0, to: 7 }, revisedKeys: { from: 0, to: 3 } },
    ]);
  });

  it('makes two equal files beyond the limit, revised keys last', () => {
    expect(splitBatch({ keys: 7, revisedKeys: 4, maxRecords: 10 })).toEqual([
      { number: 1, keys: { from: 0, to: 5 }, revisedKeys: { from: 0, to: 0 } },
      { number: 2, keys: { from: 5, to: 7 }, revisedKeys: { from: 0, to: 4 } },
    ]);
  });

  it('puts every key into exactly one file, none above the limit, none empty', () => {
    const counts = fc.record({
      keys: fc.nat(2000),
      revisedKeys: fc.nat(2000),
      maxRecords: fc.integer({ min: 20, max: 700 }),
    });
    fc.assert(
      fc.property(counts, (batch) => {
        const shares = splitBatch(batch);
        let keys = 0;
        let revisedKeys = 0;
        const sizes: number[] = [];
        for (const share of shares) {
          expect([share.keys.from, share.revisedKeys.from]).toEqual([keys, revisedKeys]);
          const size = share.keys.to - keys + share.revisedKeys.to - revisedKeys;
          expect(size).toBeGreaterThan(0);
          expect(size).toBeLessThanOrEqual(batch.maxRecords);
          sizes.push(size);
          keys = share.keys.to;
          revisedKeys = share.revisedKeys.to;
        }
        expect([keys, revisedKeys]).toEqual([batch.keys, batch.revisedKeys]);
        if (sizes.length > 0) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('gives the first file the end of its batch and each further one a second more', () => {
    const end = new Date('2020-12-10T10:00:00Z');
    expect(fileEnd(end, 1)).toEqual(end);
    expect(fileEnd(end, 3)).toEqual(new Date('2020-12-10T10:00:02Z'));
  });
});
