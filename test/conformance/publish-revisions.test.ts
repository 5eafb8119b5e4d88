import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { now, publishSettings } from '../server/publish/publisher.ts';
import type { Authority, AuthorityOptions } from '../support/authority.ts';
import { makeKeys, type PhoneKey } from '../support/phone.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { storedBy } from './support/stored.ts';
import { addTokenKey, openToken, sealToken, type TokenEntry, type TokenKey } from './support/token.ts';
import { rowOf, type Told } from './support/told.ts';

const hour = 3_600_000;
const midnight = Math.floor(now.getTime() / 86_400_000) * 144;
/** The installation's data key, which the tests know. */
const tokenKey: TokenKey = {
  kid: '41',
  dek: randomBytes(32),
  aad: Buffer.from(publishSettings.revisionTokenAad),
};
let installation: Installation;
/** Where partial revisions are allowed. */
let partial: Installation;

beforeAll(async () => {
  installation = await startInstallation();
  partial = await startInstallation({ settings: { allowPartialRevisions: true } });
  for (const each of [installation, partial]) await addTokenKey(each, tokenKey);
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
  await partial[Symbol.asyncDispose]();
});

type ReportType = '' | 'confirmed' | 'likely' | 'user-report' | 'negative';

/** Publishes; without a report type the certificate does not hold, which an app may allow. */
async function publishAs(
  authority: Authority,
  reportType: ReportType,
  options: { keys: PhoneKey[]; revisionToken?: string; on?: Installation; [other: string]: unknown },
): Promise<Told> {
  const { on = installation, ...rest } = options;
  const body = authority.phone.publishBody({ now: on.clock.now(), reportType, ...rest });
  return await on.publish(reportType === '' ? { ...body, verificationPayload: '' } : body);
}

function entryOf(key: PhoneKey, change: Partial<TokenEntry> = {}): TokenEntry {
  return {
    key: Buffer.from(key.key, 'base64'),
    start: key.rollingStartNumber,
    count: key.rollingPeriod,
    ...change,
  };
}

function tokenOf(keys: readonly PhoneKey[], change: Partial<TokenEntry> = {}): string {
  return sealToken(
    tokenKey,
    keys.map((key) => entryOf(key, change)),
  );
}

const invalid = { status: 400, code: 'invalid_revision_token', error: 'revision token is invalid' };
const missing = { status: 400, code: 'missing_revision_token', error: 'no revision token, but sent existing keys' };
const already = { status: 400, code: 'key_already_revised', error: 'key was already revised' };

function badTransition(from: string, to: string) {
  const error = `invalid report type transition: cannot transition from "${from}" to "${to}"`;
  return { status: 400, code: 'invalid_report_type_transition', error };
}

describe('reference 5.1: tokens', () => {
  const real = (entries: readonly TokenEntry[]) => entries.filter(({ count }) => count > 0);

  it('list the keys of the request, then padding up to 28 entries', async () => {
    const keys = makeKeys(now, 3);
    const { revisionToken } = await publishAs(await installation.authority(), 'likely', { keys });
    const entries = openToken(tokenKey, revisionToken);
    expect(entries).toHaveLength(28);
    expect(real(entries)).toEqual(keys.map((key) => entryOf(key)));
    expect(entries.slice(3)).toEqual(Array.from({ length: 25 }, () => ({ key: Buffer.alloc(16), start: 0, count: 0 })));
  });

  it('list surviving old entries first, as they were, then new and revised keys that are not among them', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 4);
    const elsewhere = entryOf(makeKeys(now, 1)[0]!, { count: 77 });
    const young = entryOf(keys[0]!, { start: midnight - 15 * 144 - 62, count: 144 });
    const old = { ...elsewhere, key: randomBytes(16), start: young.start - 1, count: 144 };
    await publishAs(authority, 'likely', { keys: keys.slice(1, 3) });
    const revisionToken = sealToken(tokenKey, [elsewhere, old, young, entryOf(keys[1]!), entryOf(keys[2]!)]);
    const told = await publishAs(authority, 'confirmed', { keys: keys.slice(1), revisionToken });
    expect(real(openToken(tokenKey, told.revisionToken))).toEqual([
      elsewhere,
      young,
      ...keys.slice(1).map((key) => entryOf(key)),
    ]);
  });

  it('are opened by an independent reader and taken from an independent writer', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 2);
    await publishAs(authority, 'likely', { keys });
    expect(rowOf(await publishAs(authority, 'confirmed', { keys, revisionToken: tokenOf(keys) }))).toEqual({
      status: 200,
    });
  });

  it('are taken in any base64 (3.5)', async () => {
    for (const spell of [
      (token: string) => token.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
      (token: string) => `${token}====`,
      (token: string) => `${token.slice(0, 7)}\r\n${token.slice(7)}`,
    ]) {
      const authority = await installation.authority();
      const keys = makeKeys(now, 1);
      const { revisionToken } = await publishAs(authority, 'likely', { keys });
      const told = await publishAs(authority, 'confirmed', { keys, revisionToken: spell(revisionToken) });
      expect(rowOf(told)).toEqual({ status: 200 });
    }
  });

  it('decision 8: are of one length for 1 to 28 keys, and a first-time negative earns none', async () => {
    const lengths = new Set<number>();
    for (const count of [1, 2, 14, 27, 28]) {
      const keys = Array.from({ length: count }, (_, index) => makeKeys(now, 10)[index % 10]!);
      lengths.add((await publishAs(await installation.authority(), 'likely', { keys })).revisionToken.length);
    }
    expect(lengths.size).toBe(1);
    const told = await publishAs(await installation.authority(), 'negative', { keys: makeKeys(now, 2) });
    expect([rowOf(told), told.revisionToken]).toEqual([{ status: 200 }, '']);
  });

  it('the vector of the deployed server is taken', async () => {
    const vector = JSON.parse(readFileSync(new URL('../vectors/revision-token.json', import.meta.url), 'utf8')) as {
      readonly dek: string;
      readonly aadBase64: string;
      readonly kid: string;
      readonly token: string;
      readonly entries: readonly { key: string; intervalNumber: number; intervalCount: number }[];
    };
    const aad = Buffer.from(vector.aadBase64, 'base64');
    await using deployed = await startInstallation({
      now: new Date('2021-03-15T13:47:30Z'),
      settings: { revisionTokenAad: aad },
    });
    const dek = Buffer.from(vector.dek, 'hex');
    await addTokenKey(deployed, { kid: vector.kid, dek });
    const authority = await deployed.authority();
    const keys = vector.entries.map((entry) => ({
      key: Buffer.from(entry.key, 'hex').toString('base64'),
      rollingStartNumber: entry.intervalNumber,
      rollingPeriod: entry.intervalCount,
    }));
    await publishAs(authority, 'likely', { keys, on: deployed });
    const told = await publishAs(authority, 'confirmed', { keys, revisionToken: vector.token, on: deployed });
    expect(rowOf(told)).toEqual({ status: 200 });
    const rows = await storedBy(deployed.database, authority);
    expect(rows.map((row) => row.revised_report_type)).toEqual([1, 1]);
    expect(real(openToken({ kid: vector.kid, dek, aad }, told.revisionToken))).toEqual(keys.map((key) => entryOf(key)));
  });
});

describe('reference 5.2: keys of tokens', () => {
  it('any allowed key opens, one that is not allowed does not, the newest seals', async () => {
    await using own = await startInstallation();
    const older = { ...tokenKey, kid: '50', dek: randomBytes(32) };
    await addTokenKey(own, older);
    const authority = await own.authority();
    const keys = makeKeys(now, 1);
    const first = await publishAs(authority, 'likely', { keys, on: own });
    const newer = { ...tokenKey, kid: '51', dek: randomBytes(32) };
    own.clock.advance(61_000);
    await addTokenKey(own, newer);
    const second = await publishAs(authority, 'confirmed', { keys, revisionToken: first.revisionToken, on: own });
    expect(rowOf(second)).toEqual({ status: 200 });
    expect(openToken(newer, second.revisionToken)).toHaveLength(28);
    await own.database.query('update revision_keys set allowed = false where kid = 51');
    own.clock.advance(61_000);
    const third = await publishAs(authority, 'confirmed', { keys, revisionToken: second.revisionToken, on: own });
    expect(rowOf(third)).toEqual(invalid);
  });
});

describe('an attack with a token', () => {
  it.each<[string, (keys: PhoneKey[]) => string]>([
    [
      'of another deployment (other AAD)',
      (keys) =>
        sealToken(
          { ...tokenKey, aad: Buffer.from('other') },
          keys.map((key) => entryOf(key)),
        ),
    ],
    [
      'of another deployment (other data key)',
      (keys) =>
        sealToken(
          { ...tokenKey, dek: randomBytes(32) },
          keys.map((key) => entryOf(key)),
        ),
    ],
    [
      'of a key that does not exist',
      (keys) =>
        sealToken(
          { ...tokenKey, kid: '999' },
          keys.map((key) => entryOf(key)),
        ),
    ],
    [
      'of a key that is no number',
      (keys) =>
        sealToken(
          { ...tokenKey, kid: "1' or 1=1" },
          keys.map((key) => entryOf(key)),
        ),
    ],
    ['with a changed byte', (keys) => flipped(tokenOf(keys), -20)],
    ['with a changed tag', (keys) => flipped(tokenOf(keys), -1)],
    ['with a changed nonce', (keys) => flipped(tokenOf(keys), 8)],
    ['without its end', (keys) => Buffer.from(tokenOf(keys), 'base64').subarray(0, -1).toString('base64')],
    ['of nothing but a key id', () => Buffer.from('0a023431', 'hex').toString('base64')],
    ['of random bytes', () => randomBytes(900).toString('base64')],
  ])('%s is invalid_revision_token', async (_what, make) => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 1);
    await publishAs(authority, 'likely', { keys });
    expect(rowOf(await publishAs(authority, 'confirmed', { keys, revisionToken: make(keys) }))).toEqual(invalid);
    expect((await storedBy(installation.database, authority))[0]?.revised_at).toBeNull();
  });

  function flipped(token: string, at: number): string {
    const bytes = Buffer.from(token, 'base64');
    const index = at < 0 ? bytes.length + at : at;
    bytes[index] = bytes[index]! ^ 1;
    return bytes.toString('base64');
  }
});

describe('reference 5.3, phase 1', () => {
  type Row = readonly [
    id: string,
    what: string,
    (keys: PhoneKey[]) => Partial<{ keys: PhoneKey[]; revisionToken: string }>,
  ];

  const moved = (keys: PhoneKey[]): PhoneKey[] => keys.map((key) => ({ ...key, rollingPeriod: 143 }));
  const rows = {
    a: ['a', 'no token', () => ({})],
    aBad: ['a', 'a token that is no base64 (decision 6: as an unreadable one)', () => ({ revisionToken: '*' })],
    b: ['b', 'a token that cannot be decrypted', () => ({ revisionToken: 'AAAA' })],
    c: [
      'c',
      'another interval than is stored (decision 6)',
      (keys) => ({ keys: moved(keys), revisionToken: tokenOf(keys) }),
    ],
    cToken: [
      'c',
      'another interval than is stored, in the token too (decision 6)',
      (keys) => ({ keys: moved(keys), revisionToken: tokenOf(moved(keys)) }),
    ],
    d: ['d', 'another interval in the token', (keys) => ({ revisionToken: tokenOf(keys, { count: 143 }) })],
    dStart: ['d', 'another start in the token', (keys) => ({ revisionToken: tokenOf(keys, { start: 1 }) })],
    e: ['e', 'a key that the token does not list', (keys) => ({ revisionToken: tokenOf(keys.slice(1)) })],
    eEmpty: ['e', 'a token that lists nothing', () => ({ revisionToken: tokenOf([]) })],
  } satisfies Record<string, Row>;

  /** Two known keys and a new one, sent with what the row changes. */
  async function sendRow([, , change]: Row, on: Installation, options: AuthorityOptions = {}) {
    const authority = await on.authority(options);
    const keys = makeKeys(now, 3);
    await publishAs(authority, 'likely', { keys: keys.slice(0, 2), on });
    const told = await publishAs(authority, 'confirmed', { keys, on, ...change(keys) });
    return { told, stored: await storedBy(on.database, authority) };
  }

  it.each([
    [rows.a, missing],
    [rows.aBad, invalid],
    [rows.b, invalid],
    [rows.c, invalid],
    [rows.cToken, invalid],
    [rows.d, invalid],
    [rows.dStart, invalid],
    [rows.e, invalid],
    [rows.eEmpty, invalid],
  ] as const)('row %s', async (row, refusal) => {
    const { told, stored } = await sendRow(row, installation);
    expect(rowOf(told)).toEqual(refusal);
    expect(stored.map((key) => key.revised_at)).toEqual([null, null]);
  });

  it.each([
    [rows.a, missing],
    [rows.b, invalid],
    [rows.c, invalid],
    [rows.d, invalid],
  ] as const)('row %s, with partial revisions allowed', async (row, refusal) => {
    expect(rowOf((await sendRow(row, partial)).told)).toEqual(refusal);
  });

  it('row f: with partial revisions allowed, what is not listed is dropped silently and the others go on', async () => {
    const { told, stored } = await sendRow(rows.e, partial);
    expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 1 });
    expect(stored.map((key) => key.revised_report_type)).toEqual([null, 1, null]);
  });

  it('row g: what is listed and unmoved is revised', async () => {
    const row: Row = ['g', 'listed', (keys) => ({ revisionToken: tokenOf(keys) })];
    const { told, stored } = await sendRow(row, installation);
    expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 1 });
    expect(stored.map((key) => key.revised_report_type)).toEqual([1, 1, null]);
  });

  it.each(Object.values(rows))('row h of %s (%s): an app that needs no token revises all the same', async (...row) => {
    const { told, stored } = await sendRow(row, installation, { bypassRevisionToken: true });
    expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 1 });
    expect(stored.map((key) => [key.interval_count, key.revised_report_type])).toEqual([
      [144, 1],
      [144, 1],
      [stored[2]!.interval_count, null],
    ]);
  });

  it('decision 6: a bypassed token that cannot be read does not hide which transition is bad', async () => {
    const authority = await installation.authority({ bypassRevisionToken: true });
    const keys = makeKeys(now, 1);
    await publishAs(authority, 'confirmed', { keys });
    const told = await publishAs(authority, 'negative', { keys, revisionToken: 'AAAA' });
    expect(rowOf(told)).toEqual(badTransition('confirmed', 'negative'));
  });

  it.each(['*', 'AAAA', 'eA=='])(
    'decision 6: the token %j does not matter when every key is new',
    async (revisionToken) => {
      const keys = makeKeys(now, 2);
      const told = await publishAs(await installation.authority(), 'likely', { keys, revisionToken });
      expect(rowOf(told)).toEqual({ status: 200, insertedExposures: 2 });
      expect(openToken(tokenKey, told.revisionToken).filter(({ count }) => count > 0)).toEqual(
        keys.map((key) => entryOf(key)),
      );
    },
  );

  it('decision 6: of several faults the same is told in any order of keys', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 3);
    await publishAs(authority, 'confirmed', { keys: keys.slice(0, 1) });
    const { revisionToken } = await publishAs(authority, 'likely', { keys: keys.slice(1, 2) });
    await publishAs(authority, 'confirmed', { keys: keys.slice(1, 2), revisionToken });
    await publishAs(authority, 'likely', { keys: keys.slice(2) });
    const orders = [keys, keys.toReversed(), [keys[1]!, keys[0]!, keys[2]!]];
    for (const order of orders) {
      const unlisted = { keys: order, revisionToken: tokenOf(keys.slice(0, 2)) };
      expect(rowOf(await publishAs(authority, 'negative', unlisted))).toEqual(invalid);
      expect(rowOf(await publishAs(authority, 'negative', { keys: order }))).toEqual(missing);
    }
    const told = await publishAs(authority, 'negative', { keys, revisionToken: tokenOf(keys) });
    expect(rowOf(told)).toEqual(badTransition('confirmed', 'negative'));
  });
});

describe('reference 5.3, phase 2', () => {
  const codes: Record<ReportType, number> = { '': 0, confirmed: 1, likely: 2, 'user-report': 3, negative: 5 };

  /** One stored key of that state; then the answer to a request with `incoming`. */
  async function meet(
    state: { first: ReportType; revised?: ReportType; foreign?: 'partner' | 'import' },
    incoming: ReportType,
  ) {
    const authority = await installation.authority({ bypassCertificate: true });
    const keys = makeKeys(now, 1);
    await publishAs(authority, state.first === 'negative' ? 'likely' : state.first, { keys });
    const { database } = installation;
    const change = async (assignment: string, ...values: unknown[]) => {
      const text = `update exposures set ${assignment} where app_id = $1`;
      await database.query(text, [authority.appRowId, ...values]);
    };
    // No publish can store a first negative; federation can.
    if (state.first === 'negative') await change('report_type = 5');
    if (state.revised !== undefined) {
      await change('revised_report_type = $2, revised_at = created_at', codes[state.revised]);
    }
    if (state.foreign === 'partner') await change(`partner_id = 1, provenance = '{bb}'`);
    if (state.foreign === 'import') await change('import_id = 1');
    const before = await storedBy(database, authority);
    const told = await publishAs(authority, incoming, { keys, revisionToken: tokenOf(keys) });
    const after = await storedBy(database, authority);
    return { told, isUnchanged: JSON.stringify(after) === JSON.stringify(before), row: after[0] };
  }

  const unchanged = 'unchanged';
  const revised = 'revised';
  const refused = 'refused';
  const table: readonly (readonly [ReportType, Readonly<Record<ReportType, string>>])[] = [
    ['', { '': unchanged, likely: refused, confirmed: revised, 'user-report': refused, negative: revised }],
    ['likely', { '': refused, likely: unchanged, confirmed: revised, 'user-report': refused, negative: revised }],
    ['user-report', { '': refused, likely: revised, confirmed: revised, 'user-report': unchanged, negative: revised }],
    ['confirmed', { '': refused, likely: refused, confirmed: unchanged, 'user-report': refused, negative: refused }],
    ['negative', { '': refused, likely: refused, confirmed: refused, 'user-report': refused, negative: unchanged }],
  ];
  const transitions = table.flatMap(([from, outcomes]) =>
    Object.entries(outcomes).map(([to, outcome]) => [from, to as ReportType, outcome] as const),
  );

  it.each(transitions)('rows 1, 6, 7: from "%s" to "%s": %s', async (from, to, outcome) => {
    const { told, isUnchanged, row } = await meet({ first: from }, to);
    expect(rowOf(told)).toEqual(outcome === refused ? badTransition(from, to) : { status: 200 });
    expect(isUnchanged).toBe(outcome !== revised);
    if (outcome === revised) expect(row).toMatchObject({ report_type: codes[from], revised_report_type: codes[to] });
  });

  it.each<[string, ReportType, ReportType, ReportType, object]>([
    ['1 the first report type again, though it was revised', 'likely', 'confirmed', 'likely', { status: 200 }],
    ['2 the revised report type again', 'likely', 'confirmed', 'confirmed', { status: 200 }],
    ['5 a third report type', 'likely', 'confirmed', 'negative', already],
    ['5 comes before 6', 'likely', 'negative', 'user-report', already],
    ['5 also without a report type', 'user-report', 'likely', '', already],
  ])('row %s', async (_row, first, then, incoming, answer) => {
    const { told, isUnchanged } = await meet({ first, revised: then }, incoming);
    expect(rowOf(told)).toEqual(answer);
    expect(isUnchanged).toBe(true);
  });

  it.each(['partner', 'import'] as const)(
    'rows 3, 4 (decision 2: no failure of ours): a key of a %s is not revised here',
    async (foreign) => {
      const { told, isUnchanged } = await meet({ first: 'likely', foreign }, 'confirmed');
      expect(rowOf(told)).toEqual(badTransition('likely', 'confirmed'));
      expect(isUnchanged).toBe(true);
      const again = await meet({ first: 'likely', foreign }, 'likely');
      expect(rowOf(again.told)).toEqual({ status: 200 });
    },
  );

  it('any rejection rolls back the whole publish, new keys too', async () => {
    const authority = await installation.authority();
    const keys = makeKeys(now, 3);
    await publishAs(authority, 'confirmed', { keys: keys.slice(2) });
    const told = await publishAs(authority, 'negative', { keys, revisionToken: tokenOf(keys) });
    expect(rowOf(told)).toEqual(badTransition('confirmed', 'negative'));
    expect(await storedBy(installation.database, authority)).toHaveLength(1);
  });

  it('a revision writes type, time, onset, risk, and (decision 9) regions and traveler flag', async () => {
    await using own = await startInstallation();
    const authority = await own.authority({ regions: ['AA'] });
    const keys = [...makeKeys(now, 1), { ...makeKeys(now, 1)[0]!, rollingStartNumber: midnight }];
    const { revisionToken } = await publishAs(authority, 'likely', { keys, on: own });
    own.clock.advance(2 * hour);
    await own.database.query(`update apps set regions = '{BB}' where id = $1`, [authority.appRowId]);
    const change = { symptomOnsetInterval: midnight - 144, traveler: true, revisionToken, on: own };
    const told = await publishAs(authority, 'confirmed', { keys, ...change });
    expect(rowOf(told)).toEqual({ status: 200 });
    const common = { report_type: 2, transmission_risk: 4, traveler: false, regions: ['AA'] };
    const again = {
      revised_report_type: 1,
      revised_transmission_risk: 2,
      revised_traveler: true,
      revised_regions: ['AA', 'BB'],
    };
    expect(await storedBy(own.database, authority)).toMatchObject([
      {
        ...common,
        ...again,
        days_since_onset: 3,
        revised_days_since_onset: 0,
        revised_at: new Date('2026-03-15T15:00:00Z'),
      },
      {
        ...common,
        ...again,
        days_since_onset: 4,
        revised_days_since_onset: 1,
        created_at: new Date('2026-03-16T01:00:00Z'),
        revised_at: new Date('2026-03-16T01:00:00Z'),
      },
    ]);
  });

  it('a key whose report type is unchanged stays in the token only as an old entry', async () => {
    const authority = await installation.authority({ bypassRevisionToken: true });
    const keys = makeKeys(now, 2);
    await publishAs(authority, 'confirmed', { keys });
    const without = await publishAs(authority, 'confirmed', { keys });
    expect([rowOf(without), without.revisionToken]).toEqual([{ status: 200 }, '']);
    const withOne = await publishAs(authority, 'confirmed', { keys, revisionToken: tokenOf(keys.slice(1)) });
    expect(openToken(tokenKey, withOne.revisionToken).filter(({ count }) => count > 0)).toEqual([entryOf(keys[1]!)]);
  });
});

describe('reference 5.4', () => {
  it('bypass of the certificate: one that holds counts, any other is as none', async () => {
    const options = { bypassCertificate: true };
    const [good, bad] = [await installation.authority(options), await installation.authority(options)];
    await publishAs(good, 'likely', { keys: makeKeys(now, 1) });
    await publishAs(bad, 'likely', { keys: makeKeys(now, 1), claims: { exp: 1 } });
    expect(await storedBy(installation.database, good)).toMatchObject([
      { report_type: 2, health_authority_id: good.authorityRowId, transmission_risk: 4 },
    ]);
    expect(await storedBy(installation.database, bad)).toMatchObject([
      { report_type: 0, health_authority_id: null, transmission_risk: 0 },
    ]);
  });

  it('bypass of the token: it is read all the same, and the rules of phase 2 hold', async () => {
    const authority = await installation.authority({ bypassRevisionToken: true });
    const keys = makeKeys(now, 2);
    await publishAs(authority, 'likely', { keys: keys.slice(0, 1) });
    const revisionToken = tokenOf(keys.slice(1), { count: 7 });
    const told = await publishAs(authority, 'confirmed', { keys: keys.slice(0, 1), revisionToken });
    expect(openToken(tokenKey, told.revisionToken).filter(({ count }) => count > 0)).toEqual([
      entryOf(keys[1]!, { count: 7 }),
      entryOf(keys[0]!),
    ]);
    expect(rowOf(await publishAs(authority, 'negative', { keys: keys.slice(0, 1) }))).toEqual(already);
  });
});
