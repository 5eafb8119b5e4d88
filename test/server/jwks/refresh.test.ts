/** Reading JWKS into a real database, from real HTTPS issuers. Decisions, Publish 17; reference faults 36 to 38. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { jwksJob } from '../../../src/server/jwks/job.ts';
import { refreshJwks, type RefreshDeps, type RefreshedJwks } from '../../../src/server/jwks/refresh.ts';
import type { Database } from '../../../src/storage/database.ts';
import { jwksSources, lockJwksSource } from '../../../src/storage/authorities/jwks.ts';
import { auditRows } from '../../support/operations.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { refusalOf } from '../publish/publisher.ts';
import { jwkOf, makeKeyPair, startIssuer, trustingSettings } from './issuer.ts';

const now = new Date('2026-03-20T10:00:00Z');
const never = new AbortController().signal;
const daySeconds = 86_400;

const one = makeKeyPair();
const two = makeKeyPair();

interface Installation extends AsyncDisposable {
  readonly deps: RefreshDeps & { readonly clock: ManualClock };
  readonly database: Database;
  refresh(issuer?: string): Promise<readonly RefreshedJwks[]>;
}

async function openInstallation(jwks: Partial<RefreshDeps['settings']['jwks']> = {}): Promise<Installation> {
  const { database, [Symbol.asyncDispose]: drop } = await createTestDatabase();
  const settings = { jwks: { ...trustingSettings, keyCleanupSeconds: 30 * daySeconds, ...jwks } };
  const logger = createLogger({ level: 'silent', pretty: false });
  const deps = { database, clock: new ManualClock(now), logger, metrics: new Metrics(), settings };
  return {
    deps,
    database,
    refresh: (issuer) => refreshJwks(deps, { ...(issuer === undefined ? {} : { issuer }), actor: 'local' }, never),
    [Symbol.asyncDispose]: drop,
  };
}

async function insertAuthority(
  database: Database,
  jwksUri: string | null,
  issuer = 'https://a.example',
): Promise<void> {
  await database.query(
    `insert into health_authorities (issuer, audience, name, stats, jwks_uri) values ($1, 'enmesh', 'A', true, $2)`,
    [issuer, jwksUri],
  );
}

async function insertKeyByHand(database: Database, version: string, pem: string, thru: Date | null): Promise<void> {
  await database.query(
    `insert into health_authority_keys (health_authority_id, version, public_key_pem, valid_from, valid_thru, from_jwks)
     select id, $1, $2, 'epoch', $3, false from health_authorities`,
    [version, pem, thru],
  );
}

interface KeyRow {
  readonly version: string;
  readonly public_key_pem: string;
  readonly valid_from: Date;
  readonly valid_thru: Date | null;
  readonly from_jwks: boolean;
}

async function keyRows(database: Database): Promise<readonly KeyRow[]> {
  const { rows } = await database.query<KeyRow>(
    `select version, public_key_pem, valid_from, valid_thru, from_jwks from health_authority_keys order by version`,
  );
  return rows;
}

describe('reading a JWKS', () => {
  it('stores its keys from now on, with an audit row', async () => {
    await using issuer = await startIssuer([jwkOf('v1', one), jwkOf('v2', makeKeyPair('P-384'))]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url);
    expect(await installation.refresh()).toEqual([
      {
        issuer: 'https://a.example',
        added: ['v1'],
        revoked: [],
        active: 1,
        skipped: ['v2: wants EC P-256'],
        error: null,
      },
    ]);
    expect(await keyRows(installation.database)).toEqual([
      { version: 'v1', public_key_pem: one.publicKeyPem, valid_from: now, valid_thru: null, from_jwks: true },
    ]);
    expect(await auditRows(installation)).toEqual([
      {
        actor: 'local',
        action: 'jwks',
        subject: 'healthAuthorities/https://a.example',
        change: { added: ['v1'], revoked: [] },
      },
    ]);
  });

  it('changes nothing the second time', async () => {
    await using issuer = await startIssuer({ keys: [jwkOf('v1', one)] });
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url);
    await installation.refresh();
    const rows = await keyRows(installation.database);
    installation.deps.clock.advance(120_000);
    expect(await installation.refresh()).toMatchObject([{ added: [], revoked: [], active: 1, error: null }]);
    expect(await keyRows(installation.database)).toEqual(rows);
    expect(await auditRows(installation)).toHaveLength(1);
  });

  it('cures fault 37: a key that left ends once, is accepted again when it is back, and is deleted after 30 days', async () => {
    await using issuer = await startIssuer([jwkOf('v1', one), jwkOf('v2', two)]);
    await using installation = await openInstallation();
    const { clock } = installation.deps;
    await insertAuthority(installation.database, issuer.url);
    await installation.refresh();
    const left = new Date(now.getTime() + 120_000);
    clock.set(left);
    issuer.answer([jwkOf('v2', two)]);
    expect(await installation.refresh()).toMatchObject([{ added: [], revoked: ['v1'], active: 1 }]);
    clock.advance(120_000);
    expect(await installation.refresh()).toMatchObject([{ added: [], revoked: [], active: 1 }]);
    expect((await keyRows(installation.database))[0]).toMatchObject({ version: 'v1', valid_thru: left });

    issuer.answer([jwkOf('v1', one), jwkOf('v2', two)]);
    expect(await installation.refresh()).toMatchObject([{ added: ['v1'], revoked: [], active: 2 }]);
    expect((await keyRows(installation.database))[0]).toMatchObject({ version: 'v1', valid_thru: null });

    issuer.answer([jwkOf('v2', two)]);
    await installation.refresh();
    clock.advance(30 * daySeconds * 1000);
    await installation.refresh();
    expect(await keyRows(installation.database)).toHaveLength(2);
    clock.advance(1);
    await installation.refresh();
    expect(await keyRows(installation.database)).toMatchObject([{ version: 'v2' }]);
  });

  it('cures fault 38: other material under a known kid replaces the key, and the next run goes on', async () => {
    await using issuer = await startIssuer([jwkOf('v1', one)]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url);
    await installation.refresh();
    issuer.answer([jwkOf('v1', two)]);
    expect(await installation.refresh()).toMatchObject([{ added: ['v1'], revoked: ['v1'], active: 1, error: null }]);
    expect(await keyRows(installation.database)).toMatchObject([{ version: 'v1', public_key_pem: two.publicKeyPem }]);
    expect(await installation.refresh()).toMatchObject([{ added: [], revoked: [], error: null }]);
  });

  it.each([
    ['an empty array', '[]'],
    ['nothing', ''],
    ['null', 'null'],
    ['no usable key', '[{"kid":"v1","kty":"RSA"}]'],
    ['no JSON', '<html>'],
  ])('cures fault 36: %s revokes nothing', async (_what, text) => {
    await using issuer = await startIssuer([jwkOf('v1', one)]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url);
    await insertKeyByHand(installation.database, 'hand', two.publicKeyPem, null);
    await installation.refresh();
    const rows = await keyRows(installation.database);
    issuer.answer(text);
    expect(await installation.refresh()).toMatchObject([
      { added: [], revoked: [], active: 2, error: expect.stringContaining('nothing was changed') as string },
    ]);
    expect(await keyRows(installation.database)).toEqual(rows);
  });

  it('never touches keys that were entered by hand, whatever the document says', async () => {
    await using issuer = await startIssuer([jwkOf('hand', two), jwkOf('v1', one), jwkOf('v9', two)]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url);
    await insertKeyByHand(installation.database, 'hand', one.publicKeyPem, null);
    await insertKeyByHand(installation.database, 'other', one.publicKeyPem, null);
    await insertKeyByHand(installation.database, 'ended', two.publicKeyPem, now);
    const byHand = await keyRows(installation.database);
    expect(await installation.refresh()).toMatchObject([
      {
        added: ['v1'],
        skipped: [
          'hand: a key entered by hand has this kid',
          'v9: this key was entered by hand too, and has ended there',
        ],
      },
    ]);
    expect((await keyRows(installation.database)).filter((row) => !row.from_jwks)).toEqual(byHand);
  });

  it('keeps 100 keys that left at most, so that a document which always changes fills nothing', async () => {
    await using issuer = await startIssuer([]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url);
    const keys = (from: number) => Array.from({ length: 60 }, (_, n) => jwkOf(`v${String(from + n)}`, one));
    for (const from of [0, 100, 200, 300]) {
      issuer.answer(keys(from));
      await installation.refresh();
      installation.deps.clock.advance(120_000);
    }
    const rows = await keyRows(installation.database);
    expect(rows.filter(({ valid_thru: thru }) => thru === null)).toHaveLength(60);
    expect(rows.filter(({ valid_thru: thru }) => thru !== null)).toHaveLength(100);
  });
});

describe('reading several JWKS', () => {
  it('gives each authority a result of its own: slow and broken ones harm no other', async () => {
    await using good = await startIssuer([jwkOf('v1', one)]);
    await using broken = await startIssuer('<html>');
    await using silent = await startIssuer('', { listener: () => undefined });
    await using installation = await openInstallation({ timeoutMs: 500 });
    const issuers = ['silent-1', 'silent-2', 'silent-3', 'silent-4', 'silent-5', 'silent-6'];
    for (const name of issuers) await insertAuthority(installation.database, silent.url, name);
    await insertAuthority(installation.database, broken.url, 'broken');
    await insertAuthority(installation.database, good.url, 'good');
    await insertAuthority(installation.database, null, 'none');
    const results = await installation.refresh();
    expect(results.map(({ issuer, added, error }) => [issuer, added, error === null])).toEqual([
      ['broken', [], false],
      ['good', ['v1'], true],
      ...issuers.map((name) => [name, [], false]),
    ]);
  });

  it('asks first those that did not fail the last time', async () => {
    await using good = await startIssuer([jwkOf('v1', one)]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, 'https://localhost:1/', 'a');
    await insertAuthority(installation.database, good.url, 'b');
    await installation.refresh();
    expect((await jwksSources(installation.database)).map(({ issuer }) => issuer)).toEqual(['b', 'a']);
  });

  it('can be asked for one authority', async () => {
    await using issuer = await startIssuer([jwkOf('v1', one)]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url, 'a');
    await insertAuthority(installation.database, issuer.url, 'b');
    await insertAuthority(installation.database, null, 'c');
    expect(await installation.refresh('b')).toMatchObject([{ issuer: 'b', added: ['v1'] }]);
    expect(issuer.requests).toBe(1);
    expect(await refusalOf(installation.refresh('c'))).toMatchObject({
      kind: 'precondition',
      code: 'jwks_not_configured',
    });
    expect(await refusalOf(installation.refresh('d'))).toMatchObject({
      kind: 'not_found',
      code: 'health_authority_not_found',
    });
  });

  it('is a job, for all or for one', async () => {
    await using issuer = await startIssuer([jwkOf('v1', one)]);
    await using installation = await openInstallation();
    await insertAuthority(installation.database, issuer.url, 'a');
    await insertAuthority(installation.database, issuer.url, 'b');
    const job = jwksJob(installation.deps);
    await job.run({ issuer: 'a' }, { signal: never, logger: installation.deps.logger });
    expect(issuer.requests).toBe(1);
    await job.run(undefined, { signal: never, logger: installation.deps.logger });
    expect(issuer.requests).toBe(3);
    expect(await auditRows(installation)).toMatchObject([{ actor: 'schedule' }, { actor: 'schedule' }]);
  });
});

describe('readings that overlap', () => {
  it('do not undo a newer one: what was asked for before it counts for nothing', async () => {
    await using installation = await openInstallation();
    let release = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (release = resolve));
    await using slow = await startIssuer('', {
      listener: (_request, response) => {
        release();
        void written.then(() => response.end(JSON.stringify([jwkOf('old', one)])));
      },
    });
    let finish = (): void => undefined;
    const written = new Promise<void>((resolve) => (finish = resolve));
    await insertAuthority(installation.database, slow.url);
    const refreshing = installation.refresh();
    await arrived;
    await installation.database.query('update health_authorities set jwks_readings = jwks_readings + 1');
    finish();
    expect(await refreshing).toMatchObject([{ added: [], active: 0, error: null }]);
    expect(await keyRows(installation.database)).toEqual([]);
  });

  it('write one after the other', async () => {
    await using installation = await openInstallation();
    const { database } = installation;
    await insertAuthority(database, 'https://localhost:1/');
    const [source] = await jwksSources(database);
    const locked = await database.transaction(async (client) => {
      expect(await lockJwksSource(client, source!)).toBe(true);
      const other = database.transaction((second) => lockJwksSource(second, source!));
      await client.query('update health_authorities set jwks_readings = jwks_readings + 1');
      return { other };
    });
    expect(await locked.other).toBe(false);
  });
});

it('tells how long the JWKS that goes unread longest has done so, and names no issuer', async () => {
  await using issuer = await startIssuer([jwkOf('v1', one)]);
  await using installation = await openInstallation();
  const { clock, metrics } = installation.deps;
  await insertAuthority(installation.database, issuer.url, 'https://a.example');
  await installation.refresh();
  await insertAuthority(installation.database, 'https://localhost:1/', 'https://never.example');
  clock.advance(60_000);
  await installation.refresh();
  clock.advance(30_000);
  const { body } = await metrics.render();
  expect(body).toContain('enmesh_jwks_unread_seconds 30\n');
  expect(body).toContain('enmesh_jwks_refreshes_total{result="read"} 2\n');
  expect(body).toContain('enmesh_jwks_refreshes_total{result="failed"} 1\n');
  expect(body).not.toContain('example');
});
