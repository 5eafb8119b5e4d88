/** Aligned columns and numbers for people. */
import { describe, expect, it } from 'vitest';
import { count, formatBytes, formatTable, formatTime } from '../../src/cli/table.ts';

describe('a table', () => {
  it('makes each column as wide as its widest cell and ends lines without spaces', () => {
    const table = formatTable(
      [{ heading: 'NAME' }, { heading: 'KEYS', align: 'right' }, { heading: 'NOTE' }],
      [
        ['aa', '14', ''],
        ['a longer name', '1000000', 'ö…'],
      ],
    );
    expect(table).toBe(
      'NAME              KEYS  NOTE\n' + //
        'aa                  14\n' +
        'a longer name  1000000  ö…\n',
    );
  });

  it('may have more lines than a call may have arguments', () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => [String(index)]);
    expect(formatTable([{ heading: 'N', align: 'right' }], rows)).toHaveLength(200_001 * 7);
  });

  it('fills missing cells', () => {
    expect(formatTable([{ heading: 'A' }, { heading: 'B' }], [['1'], []])).toBe('A  B\n1\n\n');
  });
});

describe('numbers', () => {
  it('are counted with the right noun', () => {
    expect([count(0, 'key'), count(1, 'key'), count(2n, 'key'), count(2, 'try', 'tries')]).toEqual([
      '0 keys',
      '1 key',
      '2 keys',
      '2 tries',
    ]);
  });

  it('of bytes get the unit that fits', () => {
    expect([0, 999, 1000, 1_549_999n, 2e12].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.5 MB', '2.0 TB']);
  });

  it('of times are UTC without milliseconds', () => {
    expect(formatTime(new Date('2026-03-15T13:47:30.999Z'))).toBe('2026-03-15T13:47:30Z');
    expect(formatTime(undefined)).toBe('-');
  });
});
