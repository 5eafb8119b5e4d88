import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PhoneKey } from '../support/phone.ts';
import type { Authority } from '../support/authority.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';
import { rowOf, type Told } from './support/told.ts';

/** The time of the golden vectors. */
const batchTime = new Date('2021-03-15T13:47:30Z');
const current = 2_693_026;
const midnight = 2_692_944;
const earliestEnd = 2_690_866;

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation({ now: batchTime });
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

function key(rollingStartNumber: number, rollingPeriod = 144, transmissionRisk = 0): PhoneKey {
  return { key: randomBytes(16).toString('base64'), rollingStartNumber, rollingPeriod, transmissionRisk };
}

interface Published {
  readonly authority: Authority;
  readonly told: Told;
}

/** Publishes keys by an authority of their own. */
async function publish(
  keys: PhoneKey[],
  options: { onset?: number; claimOnset?: number; reportType?: string; on?: Installation } = {},
): Promise<Published> {
  const { onset, claimOnset, reportType = 'confirmed', on = installation } = options;
  const authority = await on.authority();
  const told = await on.publishBy(authority, {
    keys,
    reportType,
    ...(onset === undefined ? {} : { symptomOnsetInterval: onset }),
    ...(claimOnset === undefined ? {} : { claims: { symptomOnsetInterval: claimOnset } }),
  });
  return { authority, told };
}

/** Days since onset of what was stored, in order of start. */
async function onsets(published: Published): Promise<(number | null)[]> {
  return (await storedBy(installation.database, published.authority)).map((row) => row.days_since_onset);
}

function refused(text: string) {
  return { status: 400, code: 'bad_request', error: `unable to read request data: ${text}` };
}

function one(text: string): string {
  return `1 error occurred:\n\t* ${text}\n\n`;
}

describe('reference 4.2', () => {
  it('30 keys are taken, 31 are not, the wrong ones counted too', async () => {
    const keys = Array.from({ length: 31 }, (_, index) => key(midnight - 144 * Math.floor(index / 3) - 144));
    expect((await publish(keys.slice(0, 30))).told.said.insertedExposures).toBe(30);
    const wrong = keys.map((sound, index) => (index === 0 ? { ...sound, rollingPeriod: 0 } : sound));
    expect(rowOf((await publish(wrong)).told)).toEqual(
      refused('too many exposure keys in publish: 31, max of 30 is allowed'),
    );
  });
});

describe('reference 4.3', () => {
  const sound = (): PhoneKey => key(midnight - 144);
  const old = (start: number, period: number) =>
    `key expires before minimum window; ${String(start)} + ${String(period)} = ${String(start + period)} ` +
    `which is too old, must be >= ${String(earliestEnd)}`;
  const future = (start: number) => `interval number ${String(start)} is in the future, must be <= ${String(current)}`;
  const period = (count: number) => `invalid interval count, ${String(count)}, must be >= 1 && <= 144`;
  const risk = (value: number) => `invalid transmission risk: ${String(value)}, must be >= 0 && <= 8`;

  it.each<[string, Partial<PhoneKey>, string]>([
    ['1 base64', { key: 'AAAAAAAAAAAAAAAAAAAAA!==' }, 'illegal base64 data at input byte 21'],
    ['1 base64 of a length that cannot be', { key: 'AAAAA' }, 'illegal base64 data at input byte 4'],
    ['2 length 15', { key: 'AAAAAAAAAAAAAAAAAAAA' }, 'invalid key length, 15, must be 16'],
    ['2 length 17', { key: 'AAAAAAAAAAAAAAAAAAAAAAA=' }, 'invalid key length, 17, must be 16'],
    ['2 length 0', { key: '' }, 'invalid key length, 0, must be 16'],
    ['3 period 0', { rollingPeriod: 0 }, period(0)],
    ['3 period 145', { rollingPeriod: 145 }, period(145)],
    ['3 period -1', { rollingPeriod: -1 }, period(-1)],
    ['4 age', { rollingStartNumber: earliestEnd - 145 }, old(earliestEnd - 145, 144)],
    ['4 age of a start before 1970', { rollingStartNumber: -1, rollingPeriod: 1 }, old(-1, 1)],
    ['4 age at the lower end of int32', { rollingStartNumber: -2_147_483_648 }, old(-2_147_483_648, 144)],
    ['5 future', { rollingStartNumber: current + 1, rollingPeriod: 1 }, future(current + 1)],
    ['7 risk 9', { transmissionRisk: 9 }, risk(9)],
    ['7 risk -1', { transmissionRisk: -1 }, risk(-1)],
  ])('#%s', async (_check, change, text) => {
    const { told } = await publish([sound(), { ...key(midnight - 288), ...change }]);
    expect(rowOf(told)).toEqual({
      status: 200,
      insertedExposures: 1,
      code: 'partial_failure',
      error: one(`key 1 cannot be imported: ${text}`),
    });
  });

  it('#4 (decision 11) a start at the upper end of int32 does not wrap: it is in the future', async () => {
    const { told } = await publish([key(2_147_483_647)]);
    expect(rowOf(told)).toEqual(refused(one(`key 0 cannot be imported: ${future(2_147_483_647)}`)));
  });

  it.each([
    ['1 before 2', { key: 'A*' }, 'illegal base64 data at input byte 1'],
    ['2 before 3', { key: 'AA', rollingPeriod: 0 }, 'invalid key length, 1, must be 16'],
    ['3 before 4', { rollingPeriod: 0, rollingStartNumber: 1 }, period(0)],
    ['3 before 5', { rollingPeriod: 145, rollingStartNumber: current + 1 }, period(145)],
    ['4 before 7', { rollingStartNumber: 1, transmissionRisk: 9 }, old(1, 144)],
    ['5 before 7', { rollingStartNumber: current + 1, transmissionRisk: 9 }, future(current + 1)],
  ])('#%s', async (_order, change, text) => {
    const { told } = await publish([{ ...sound(), ...change }]);
    expect(rowOf(told)).toEqual(refused(one(`key 0 cannot be imported: ${text}`)));
  });

  it.each([
    ['the shortest period', key(midnight - 1, 1)],
    ['the longest period', key(midnight - 144, 144)],
    ['the oldest end', key(earliestEnd - 144, 144)],
    ['the present interval', key(current, 1)],
    ['a start that is no midnight', key(midnight - 77, 50)],
    ['the highest risk', key(midnight - 144, 144, 8)],
  ])('%s is taken', async (_what, edge) => {
    const { told } = await publish([edge], { onset: midnight - 7 * 144 });
    expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 1 });
  });
});

describe('reference 4.4', () => {
  it.each([
    [key(midnight, 82), '2021-03-15T13:00:00.000Z'],
    [key(midnight, 83), '2021-03-15T14:00:00.000Z'],
    [key(current, 1), '2021-03-15T14:00:00.000Z'],
    // Ends at 14:00 sharp: strictly after it.
    [key(midnight, 84), '2021-03-15T15:00:00.000Z'],
    [key(midnight, 144), '2021-03-16T01:00:00.000Z'],
    [key(current, 144), '2021-03-16T14:00:00.000Z'],
  ])('%j is published from %s on', async (sent, createdAt) => {
    const { authority } = await publish([sent]);
    const [row] = await storedBy(installation.database, authority);
    expect(row?.created_at.toISOString()).toBe(createdAt);
  });
});

describe('reference 4.5', () => {
  const earliest = midnight - 28 * 144;
  /** A key on whose day each onset gives another number. */
  const day = midnight - 14 * 144;

  it.each([
    ['1 the request', { onset: day + 143 }, 0],
    ['1 the request: 28 days ago', { onset: earliest }, 14],
    ['1 the request wins', { onset: day, claimOnset: day - 144 }, 0],
    ['2 the certificate', { claimOnset: day - 144 }, 1],
    ['2 the certificate where the request is too early', { onset: earliest - 1, claimOnset: day - 144 }, 1],
    ['2 the certificate where the request is now', { onset: current, claimOnset: day - 144 }, 1],
    ['2 the certificate where the request is negative', { onset: -1, claimOnset: day - 144 }, 1],
    ['3 four days ago', {}, -10],
    ['3 four days ago where both are too early', { onset: earliest - 1, claimOnset: earliest - 1 }, -10],
    ['3 four days ago where both are not past', { onset: current, claimOnset: current }, -10],
    ['3 four days ago where the claim is beyond int32', { claimOnset: 4_294_967_295 }, -10],
    ['1 the interval before the present', { onset: current - 1 }, -14],
  ])('#%s', async (_source, options, days) => {
    expect(await onsets(await publish([key(day)], options))).toEqual([days]);
  });
});

describe('reference 4.6', () => {
  it.each([
    ['confirmed', 0, 2],
    ['likely', 0, 4],
    ['user-report', 0, 0],
    ['confirmed', 1, 1],
    ['likely', 8, 8],
    ['user-report', 7, 7],
  ])('%s with risk %i is stored with %i (decision 10 for user-report)', async (reportType, sent, stored) => {
    const { authority } = await publish([key(midnight - 144, 144, sent)], { reportType });
    expect((await storedBy(installation.database, authority))[0]?.transmission_risk).toBe(stored);
  });

  it('negative gives 6 to what it revises', async () => {
    const keys = [key(midnight - 144)];
    const { authority, told } = await publish(keys, { reportType: 'likely' });
    await installation.publishBy(authority, { keys, reportType: 'negative', revisionToken: told.revisionToken });
    expect((await storedBy(installation.database, authority))[0]?.revised_transmission_risk).toBe(6);
  });

  it('without claims there is no report type, no authority, and the risk as sent', async () => {
    const authority = await installation.authority({ bypassCertificate: true });
    const keys = [key(midnight - 288), key(midnight - 144, 144, 3)];
    const body = authority.phone.publishBody({ now: batchTime, keys });
    await installation.publish({ ...body, verificationPayload: '' });
    expect(await storedBy(installation.database, authority)).toMatchObject([
      { report_type: 0, transmission_risk: 0, health_authority_id: null },
      { report_type: 0, transmission_risk: 3, health_authority_id: null },
    ]);
  });

  it('an onset 14 days away keeps the key, 15 days away drops it, on both sides', async () => {
    const onset = midnight - 14 * 144;
    const distances = [0, 14].map((days) => key(onset + days * 144));
    expect(await onsets(await publish(distances, { onset }))).toEqual([0, 14]);
    const before = await publish([key(midnight - 15 * 144), key(midnight - 14 * 144)], { onset: current - 1 });
    expect(before.told.said.warnings).toEqual(['key 0 symptom onset is too large, 15 > 14 - saving without this key']);
    expect(await onsets(before)).toEqual([-14]);
    const after = await publish([key(midnight - 144)], { onset: midnight - 16 * 144 });
    expect(rowOf(after.told)).toEqual({
      status: 200,
      warnings: ['key 0 symptom onset is too large, 15 > 14 - saving without this key'],
    });
  });

  it('regions are upper case, the traveler flag is the request’s', async () => {
    const authority = await installation.authority({ regions: ['aa', 'Bb'] });
    await installation.publishBy(authority, { keys: [key(midnight - 144)], traveler: true });
    expect(await storedBy(installation.database, authority)).toMatchObject([{ regions: ['AA', 'BB'], traveler: true }]);
  });
});

describe('reference 4.7', () => {
  const start = midnight - 5 * 144;
  const overlap = (at: number, from: number, to: number) =>
    `exposure keys have non aligned overlapping intervals. ${String(at)} overlaps with previous key that is good ` +
    `from ${String(from)} to ${String(to)}.`;

  it.each<[string, PhoneKey[]]>([
    ['three keys of one start', [key(start), key(start, 100), key(start, 1)]],
    [
      'a key that begins where the longest of the start before ends',
      [key(start, 10), key(start, 144), key(start + 144)],
    ],
    ['a gap', [key(start, 10), key(start + 20, 10)]],
  ])('%s are taken', async (_what, keys) => {
    expect((await publish(keys)).told.said.insertedExposures).toBe(keys.length);
  });

  it.each<[string, PhoneKey[], string]>([
    [
      'four keys of one start',
      [key(start), key(start), key(start, 9), key(start, 8)],
      `too many overlapping keys for start interval: ${String(start)} want: <= 3, got: 4`,
    ],
    ['a later start within the one before', [key(start), key(start + 143)], overlap(start + 143, start, start + 144)],
    [
      'a later start within the longest of the start before, in any order',
      [key(start + 10), key(start, 5), key(start, 11)],
      overlap(start + 10, start, start + 11),
    ],
    [
      'both: the overlap is told',
      [key(start), key(start), key(start), key(start), key(start + 1)],
      overlap(start + 1, start, start + 144),
    ],
  ])('%s are refused', async (_what, keys, text) => {
    const { authority, told } = await publish(keys);
    expect(rowOf(told)).toEqual(refused(text));
    expect(await storedBy(installation.database, authority)).toEqual([]);
  });

  it('the refusal discards faults of keys and keeps warnings; keys that were dropped do not overlap', async () => {
    const far = key(midnight - 15 * 144);
    const wrong = key(start, 145);
    const { told } = await publish([far, wrong, key(start), key(start + 1)], { onset: current - 1 });
    expect(rowOf(told)).toEqual({
      ...refused(overlap(start + 1, start, start + 144)),
      warnings: ['key 0 symptom onset is too large, 15 > 14 - saving without this key'],
    });
    const dropped = await publish([{ ...key(start + 1), transmissionRisk: 9 }, key(start)]);
    expect(dropped.told.said).toMatchObject({ insertedExposures: 1, code: 'partial_failure' });
  });
});

describe('reference 4.8', () => {
  it('several errors are one text, numbered as in the request (decision 4)', async () => {
    // Sorted by their texts, as in the HMAC, these keys stand the other way round.
    const keys = [
      { ...key(midnight - 144), key: 'zz==' },
      key(midnight - 288),
      { ...key(midnight - 432), key: 'AAAA' },
    ];
    const texts = [
      'key 0 cannot be imported: invalid key length, 1, must be 16',
      'key 2 cannot be imported: invalid key length, 3, must be 16',
    ];
    const error = `2 errors occurred:\n\t* ${texts[0]!}\n\t* ${texts[1]!}\n\n`;
    expect(rowOf((await publish(keys)).told)).toEqual({
      status: 200,
      insertedExposures: 1,
      code: 'partial_failure',
      error,
    });
    const { told } = await publish([keys[0]!, { ...key(midnight - 144), rollingPeriod: 0 }, keys[2]!]);
    expect(told.said.error).toMatch(/^unable to read request data: 3 errors occurred:\n\t\* key 0 .*\n\t\* key 1 /);
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
  readonly code?: string;
  readonly refused?: string;
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/transform.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Vector[];
};

/** An installation as a vector wants it; the shared one where it wants nothing. */
async function installationFor({ truncateWindow, releaseSameDayKeys }: Vector) {
  if (truncateWindow === undefined && releaseSameDayKeys === undefined) return undefined;
  const truncateSeconds = Number.parseInt(truncateWindow ?? '1h') * 3600;
  const settings = { truncateSeconds, releaseSameDayKeys: releaseSameDayKeys ?? false };
  return await startInstallation({ now: batchTime, settings });
}

describe('reference 4.9', () => {
  it.each(vectors.cases)('$name', async (vector) => {
    await using own = await installationFor(vector);
    const on = own ?? installation;
    const authority = await on.authority({ bypassCertificate: vector.reportType === null });
    const keys = vector.keys.map(([start, period, risk]) => key(start, period, risk));
    const body = authority.phone.publishBody({
      now: batchTime,
      keys,
      reportType: vector.reportType ?? '',
      ...(vector.requestOnset === undefined ? {} : { symptomOnsetInterval: vector.requestOnset }),
      ...(vector.claimOnset === undefined ? {} : { claims: { symptomOnsetInterval: vector.claimOnset } }),
    });
    const told = await on.publish(body);
    if (vector.refused !== undefined) {
      expect(rowOf(told)).toEqual(refused(vector.refused));
      return;
    }
    const rows = new Map((await storedBy(on.database, authority)).map((row) => [row.key.toString('base64'), row]));
    for (const [index, expected] of (vector.stored ?? []).entries()) {
      const row = rows.get(keys[index]!.key);
      expect(row === undefined).toBe(expected === null);
      if (expected?.createdAt !== undefined) expect(row?.created_at).toEqual(new Date(expected.createdAt));
      if (expected?.transmissionRisk !== undefined) expect(row?.transmission_risk).toBe(expected.transmissionRisk);
      if (expected?.dsso !== undefined) expect(row?.days_since_onset).toBe(expected.dsso);
    }
    expect(told.status).toBe(200);
    expect(told.said.insertedExposures ?? 0).toBe(rows.size);
    expect(told.said.code).toBe(vector.code);
    if (vector.warnings !== undefined) expect(told.said.warnings ?? []).toEqual(vector.warnings);
    if (vector.rejectedKeys !== undefined) {
      expect(told.said.error).toMatch(new RegExp(`^${String(vector.rejectedKeys)} errors? occurred:`));
    }
  });

  it('P onset 28 d ago, key yesterday: nothing stored, no error, one warning', async () => {
    const { authority, told } = await publish([key(midnight - 144)], { onset: midnight - 28 * 144 });
    expect(rowOf(told)).toEqual({
      status: 200,
      warnings: ['key 0 symptom onset is too large, 27 > 14 - saving without this key'],
    });
    expect(await storedBy(installation.database, authority)).toEqual([]);
  });
});

describe('decision 11: beyond 2038', () => {
  it('keys of 2040 are taken, held back and refused as those of today', async () => {
    const then = new Date('2040-06-01T13:47:30Z');
    await using later = await startInstallation({ now: then });
    const today = (Date.parse('2040-06-01T00:00:00Z') / 600_000) | 0;
    const { authority, told } = await publish([key(today - 144), key(today), key(today + 83, 1)], { on: later });
    expect(told.said).toMatchObject({ insertedExposures: 2, code: 'partial_failure' });
    expect((await storedBy(later.database, authority)).map((row) => row.created_at.toISOString())).toEqual([
      '2040-06-01T13:00:00.000Z',
      '2040-06-02T01:00:00.000Z',
    ]);
  });
});
