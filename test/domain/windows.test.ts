import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { windowStart } from '../../src/domain/windows.ts';
import { createTestDatabase } from '../support/postgres.ts';

const noon = new Date('2021-03-15T13:47:30Z');
const anyWindow = fc.tuple(
  fc.date({ min: new Date('1969-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
  fc.integer({ min: 1, max: 864_000 }),
);

describe('windows', () => {
  it.each([
    [3_600, '2021-03-15T13:00:00Z'],
    [7 * 3_600, '2021-03-15T07:00:00Z'],
    [86_400, '2021-03-15T00:00:00Z'],
    [7 * 86_400, '2021-03-15T00:00:00Z'],
    [1, '2021-03-15T13:47:30Z'],
    [0, '2021-03-15T13:47:30Z'],
    [-1, '2021-03-15T13:47:30Z'],
  ])('of %i seconds begin where they begin when counted from year 1', (seconds, start) => {
    expect(windowStart(noon, seconds)).toEqual(new Date(start));
  });

  it('hold their time and are counted without a gap', () => {
    fc.assert(
      fc.property(anyWindow, ([time, seconds]) => {
        const start = windowStart(time, seconds).getTime();
        expect(start).toBeLessThanOrEqual(time.getTime());
        expect(time.getTime() - start).toBeLessThan(seconds * 1000);
        expect(windowStart(new Date(start + seconds * 1000), seconds).getTime()).toBe(start + seconds * 1000);
      }),
    );
  });

  it('before 1970 begin before it too', () => {
    expect(windowStart(new Date(-1), 1)).toEqual(new Date(-1000));
    expect(windowStart(new Date(0), 7 * 86_400)).toEqual(new Date('1969-12-29T00:00:00Z'));
  });

  it('begin where the database says that they begin', async () => {
    await using test = await createTestDatabase();
    const sameStarts = fc.asyncProperty(fc.array(anyWindow, { minLength: 1, maxLength: 100 }), async (windows) => {
      const { rows } = await test.database.query<{ start: Date }>(
        `select window_start(t, w) as start from unnest($1::timestamptz[], $2::integer[]) with ordinality as u (t, w, n)
          order by n`,
        [windows.map(([time]) => time), windows.map(([, seconds]) => seconds)],
      );
      expect(rows.map(({ start }) => start)).toEqual(windows.map(([time, seconds]) => windowStart(time, seconds)));
    });
    await fc.assert(sameStarts, { numRuns: 30 });
  });
});
