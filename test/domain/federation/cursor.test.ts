/** Places that partners keep and give back: Subscribe's bytes and Fetch's fields. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../../../src/domain/federation/cursor.ts';
import { fromFetchCursor, toFetchCursor } from '../../../src/domain/federation/fetch-cursor.ts';
import { beginning, startOf, type Position } from '../../../src/domain/federation/position.ts';
import type { SharingScope } from '../../../src/domain/federation/scope.ts';
import { keyEvents } from '../../../src/domain/federation/shared-key.ts';

const scope: SharingScope = {
  regions: ['AA'],
  excludeRegions: [],
  onlyLocal: true,
  onlyTravelers: false,
  omitOnset: false,
  recipient: 'https://id.bb.example#federation',
};
const invalid = expect.objectContaining({ kind: 'invalid', code: 'invalid_cursor' });

const positions: fc.Arbitrary<Position> = fc.record({
  at: fc.integer({ min: 1, max: 8_640_000_000_000 }).map((seconds) => new Date(seconds * 1000)),
  event: fc.constantFrom(...keyEvents),
  key: fc.option(fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))),
});

describe("Subscribe's cursor", () => {
  it('says every position under its scope, in less than 128 bytes', () => {
    fc.assert(
      fc.property(positions, (position) => {
        const cursor = encodeCursor(position, scope);
        expect(cursor.length).toBeLessThanOrEqual(128);
        expect(decodeCursor(cursor, scope)).toEqual(position);
      }),
    );
  });

  it('starts over under another scope, and when nothing or something is granted anew', () => {
    const position = { ...startOf(new Date(1)), key: Buffer.alloc(16) };
    const wider = { ...scope, regions: ['AA', 'BB'] };
    expect(decodeCursor(encodeCursor(position, scope), wider)).toEqual(beginning);
    expect(decodeCursor(encodeCursor(position, scope), null)).toEqual(beginning);
    expect(decodeCursor(encodeCursor(position, null), scope)).toEqual(beginning);
    expect(decodeCursor(Buffer.alloc(0), scope)).toEqual(beginning);
  });

  it('is refused when it is none of ours, also under another scope', () => {
    const good = encodeCursor({ ...startOf(new Date(1)), key: Buffer.alloc(16) }, scope);
    const changed = (index: number, value: number) => {
      const cursor = Buffer.from(good);
      cursor[index] = value;
      return cursor;
    };
    const notATime = Buffer.from(good);
    notATime.writeDoubleBE(Number.NaN, 9);
    const tooLate = Buffer.from(good);
    tooLate.writeDoubleBE(8.64e15 + 1000, 9);
    const negative = Buffer.from(good);
    negative.writeDoubleBE(-1, 9);
    const bad = [
      ...[good.subarray(1), good.subarray(0, -1), Buffer.concat([good, Buffer.alloc(1)]), Buffer.alloc(129)],
      ...[changed(0, 2), changed(17, keyEvents.length), notATime, tooLate, negative],
    ];
    for (const cursor of bad) {
      expect(() => decodeCursor(cursor, scope)).toThrow(invalid);
      expect(() => decodeCursor(cursor, null)).toThrow(invalid);
    }
  });

  it('never breaks, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 140 }), (bytes) => {
        try {
          expect(decodeCursor(Buffer.from(bytes), scope).at.getTime()).not.toBeNaN();
        } catch (error) {
          expect(error).toEqual(invalid);
        }
      }),
    );
  });
});

describe("Fetch's cursor", () => {
  it('says every position', () => {
    fc.assert(
      fc.property(positions, (position) => {
        const expected = position.key === null ? startOf(position.at) : position;
        expect(fromFetchCursor(toFetchCursor(position))).toEqual(expected);
      }),
    );
  });

  it('says a window’s start in seconds and without a token, as deployed partners know it', () => {
    expect(toFetchCursor(startOf(new Date('2020-05-20T10:00:00Z')))).toEqual({
      timestamp: 1_589_968_800n,
      nextToken: '',
    });
  });

  it.each([0n, -1n, -62_135_596_800n, -62_135_596_799n])('begins at the time %s, which no window has', (timestamp) => {
    expect(fromFetchCursor({ timestamp, nextToken: '' })).toEqual(beginning);
  });

  it('begins when it is absent', () => {
    expect(fromFetchCursor(undefined)).toEqual(beginning);
  });

  it.each([8_640_000_000_001n, 2n ** 63n - 1n])(
    'is after everything at the time %s, which no Date holds',
    (timestamp) => {
      expect(fromFetchCursor({ timestamp, nextToken: '' }).at).toEqual(new Date(8.64e15));
    },
  );

  it.each([-62_135_596_801n, -(2n ** 63n)])('is refused at the time %s, before year 1', (timestamp) => {
    expect(() => fromFetchCursor({ timestamp, nextToken: '' })).toThrow(invalid);
  });

  it.each(['NTAw', 'x', 'AA==', '!'.repeat(23), `A${'B'.repeat(23)}`, 'D'.repeat(23), '\0'])(
    'is refused with the token %j, which is none of ours',
    (nextToken) => {
      for (const timestamp of [0n, 1_589_968_800n]) {
        expect(() => fromFetchCursor({ timestamp, nextToken })).toThrow(invalid);
      }
    },
  );
});
