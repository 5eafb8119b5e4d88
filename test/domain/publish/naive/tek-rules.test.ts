import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportType } from '../../../../src/domain/publish/report-type.ts';
import { transform } from '../../../../src/domain/publish/transform.ts';
import { windowStart } from '../../../../src/domain/windows.ts';
import { batchTime, defaultSettings } from '../sample.ts';
import { naiveTransform, type NaiveRequest, type NaiveResult } from './tek-rules.ts';

const hour = 3_600n;
const int32 = { min: -2_147_483_648, max: 2_147_483_647 };

/** The product's result in the words of the naive one. */
function product(request: NaiveRequest): NaiveResult {
  const now = new Date(Number(request.now) * 1000);
  const truncateSeconds = Number(request.window);
  const settings = {
    ...defaultSettings,
    truncateSeconds,
    maxIntervalAgeSeconds: Number(request.maxAge),
    releaseSameDayKeys: request.releaseSameDay,
  };
  const { reportType } = request;
  const claims =
    reportType === undefined
      ? undefined
      : { reportType: reportType as ReportType, symptomOnsetInterval: Number(request.claimOnset) };
  const keys = request.keys.map(({ bytes, start, period, risk }) => ({
    key: bytes.toString('base64'),
    rollingStartNumber: Number(start),
    rollingPeriod: Number(period),
    transmissionRisk: risk,
  }));
  const result = transform({ keys, symptomOnsetInterval: Number(request.requestOnset) }, { claims, settings, now });
  return {
    refusal: result.refusal,
    warnings: result.warnings,
    faults: result.refusal === undefined ? result.faults : [],
    kept: result.keys.map((key) => {
      const createdAt = (key.embargo ?? windowStart(now, truncateSeconds)).getTime() / 1000;
      return [key.index, BigInt(key.transmissionRisk), BigInt(key.daysSinceOnset), BigInt(createdAt)] as const;
    }),
    missingOnset: result.onset.isAssumed,
  };
}

function unix(text: string): number {
  return Date.parse(text) / 1000;
}

/** Around every time at which something could change or wrap. */
const time = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(
        ...['2021-03-15T13:47:30Z', '2026-03-15T00:00:00Z', '2038-01-19T03:14:07Z', '2040-02-29T23:59:59Z'].map(unix),
        2 ** 32,
        unix('9999-12-01T00:00:00Z'),
      ),
      fc.integer({ min: unix('2020-01-01T00:00:00Z'), max: unix('2100-01-01T00:00:00Z') }),
    ),
    fc.constantFrom(0, 0, 1, -1, 600, -600, 3_599, 43_200, -86_400),
  )
  .map(([at, off]) => BigInt(at + off));

const windows = fc.constantFrom(1n, 60n, hour, 4n * hour, 7n * hour, 24n * hour, 168n * hour);

/** Starts near all edges of that time: days, the present, the oldest end, the ends of int32. */
function starts(now: bigint): fc.Arbitrary<bigint> {
  const cur = Number(now / 600n);
  const today = Math.floor(cur / 144) * 144;
  const near = (center: number) => fc.integer({ min: center - 2, max: center + 2 });
  return fc
    .oneof(
      { weight: 20, arbitrary: fc.integer({ min: -17, max: 1 }).map((day) => today + day * 144) },
      { weight: 6, arbitrary: fc.integer({ min: today - 16 * 144, max: cur + 2 }) },
      { weight: 3, arbitrary: near(cur) },
      { weight: 3, arbitrary: near(cur - 2_160 - 144) },
      fc.constantFrom(int32.min, int32.min + 143, -1, 0, int32.max - 144, int32.max),
    )
    .map((start) => BigInt(Math.min(Math.max(start, int32.min), int32.max)));
}

const periods = fc
  .oneof(
    { weight: 12, arbitrary: fc.constant(144) },
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 144 }) },
    fc.constantFrom(int32.min, -1, 0, 145, int32.max),
  )
  .map(BigInt);

const risks = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 8 }).map(BigInt) },
  fc.constantFrom(-1n, 9n, 2n ** 63n - 1n, -(2n ** 63n)),
);

const bytes = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom(16, 16, 16, 16, 16, 16, 16, 16, 16, 0, 15, 17))
  .map(([fill, length]) => Buffer.alloc(length, fill));

function onsets(now: bigint): fc.Arbitrary<number> {
  const cur = Number(now / 600n);
  const earliest = (Math.floor(cur / 144) - 28) * 144;
  return fc.oneof(
    fc.constant(0),
    fc.integer({ min: earliest - 2, max: cur + 2 }),
    fc.constantFrom(cur, cur - 1, earliest, earliest - 1, int32.min, int32.max),
  );
}

const requests: fc.Arbitrary<NaiveRequest> = time.chain((now) =>
  fc.record({
    now: fc.constant(now),
    window: windows,
    maxAge: fc.constantFrom(360n * hour, 360n * hour, 360n * hour, 24n * hour),
    releaseSameDay: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
    keys: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.array(fc.record({ bytes, start: starts(now), period: periods, risk: risks }), { maxLength: 8 }),
      },
      fc.integer({ min: 28, max: 32 }).map((count) =>
        Array.from({ length: count }, (_, index) => ({
          bytes: Buffer.alloc(16, index),
          start: (now / 86_400n - BigInt(1 + Math.floor(index / 3))) * 144n,
          period: 144n,
          risk: 0n,
        })),
      ),
    ),
    reportType: fc.constantFrom(undefined, 'confirmed', 'likely', 'negative', 'user-report'),
    requestOnset: onsets(now).map((value) => BigInt(Math.min(Math.max(value, int32.min), int32.max))),
    claimOnset: fc.oneof(onsets(now), fc.constantFrom(0, 4_294_967_295)).map((value) => BigInt(Math.max(value, 0))),
  }),
);

describe('the rules for keys', () => {
  it('agree with a second, naive writing of them in exact integers, near every edge', () => {
    let kept = 0;
    fc.assert(
      fc.property(requests, (request) => {
        const naive = naiveTransform(request);
        kept += naive.kept.length;
        expect(product(request)).toEqual(naive);
      }),
      { numRuns: 5_000 },
    );
    // Requests that are all refused would prove little.
    expect(kept).toBeGreaterThan(2_000);
  });
});

interface Vector {
  readonly name: string;
  readonly reportType: string | null;
  readonly releaseSameDayKeys?: boolean;
  readonly truncateWindow?: string;
  readonly requestOnset?: number;
  readonly claimOnset?: number;
  readonly keys: readonly (readonly [number, number, number])[];
  readonly stored?: readonly ({ createdAt?: string; transmissionRisk?: number; dsso?: number } | null)[];
  readonly warnings?: readonly string[];
  readonly rejectedKeys?: number;
  readonly refused?: string;
  readonly missingOnset?: boolean;
}

const vectors = JSON.parse(readFileSync(new URL('../../../vectors/transform.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Vector[];
};

describe('the naive writing itself', () => {
  it.each(vectors.cases)('agrees with the deployed server: $name', (vector) => {
    const result = naiveTransform({
      now: BigInt(Math.floor(batchTime.getTime() / 1000)),
      window: BigInt(Number.parseInt(vector.truncateWindow ?? '1h')) * hour,
      maxAge: 360n * hour,
      releaseSameDay: vector.releaseSameDayKeys ?? false,
      keys: vector.keys.map(([start, period, risk], index) => ({
        bytes: Buffer.alloc(16, index),
        start: BigInt(start),
        period: BigInt(period),
        risk: BigInt(risk),
      })),
      reportType: vector.reportType ?? undefined,
      requestOnset: BigInt(vector.requestOnset ?? 0),
      claimOnset: BigInt(vector.claimOnset ?? 0),
    });
    expect(result.refusal).toBe(vector.refused);
    expect(result.faults).toHaveLength(vector.rejectedKeys ?? 0);
    if (vector.warnings !== undefined) expect(result.warnings).toEqual(vector.warnings);
    if (vector.missingOnset !== undefined) expect(result.missingOnset).toBe(vector.missingOnset);
    for (const [index, expected] of (vector.stored ?? []).entries()) {
      const [, risk, days, createdAt] = result.kept.find(([place]) => place === index) ?? [];
      expect(risk === undefined).toBe(expected === null);
      if (expected?.createdAt !== undefined) expect(createdAt).toBe(BigInt(unix(expected.createdAt)));
      if (expected?.transmissionRisk !== undefined) expect(risk).toBe(BigInt(expected.transmissionRisk));
      if (expected?.dsso !== undefined) expect(days).toBe(BigInt(expected.dsso));
    }
  });
});
