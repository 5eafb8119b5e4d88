/** The begin of a process: what it refuses, what it applies, and when it says that it is ready. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/download.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { post, startRoles, writeAuthority } from '../support/installed.ts';
import { createEmptyDatabase } from '../support/postgres.ts';
import { runSql } from '../support/sql.ts';

/** Key of the session lock that migrations hold. */
const migrationLock = [0x454e4d53, 1];

describe('enmesh serve', () => {
  it('is not ready while it starts, although it lives', { timeout: 120_000 }, async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open(serveSettings(database.url));
    const holder = new pg.Client(database.url);
    await holder.connect();
    await holder.query('select pg_advisory_lock($1, $2)', migrationLock);
    const enmesh = playground.start(['serve']);
    const alive = await eventually(() => fetch(`${playground.statusUrl}/healthz`).catch(() => undefined));
    expect(alive.status).toBe(200);
    const early = await fetch(`${playground.statusUrl}/readyz`);
    expect({ status: early.status, body: await early.json() }).toEqual({
      status: 503,
      body: { status: 'not_ready', notReady: ['starting'] },
    });
    await holder.end();
    await enmesh.prints('"msg":"ready"');
    expect((await fetch(`${playground.statusUrl}/readyz`)).status).toBe(200);
  });

  it('is not ready while what it calls does not serve', { timeout: 120_000 }, async () => {
    await using playground = await Playground.open();
    await startRoles(playground, ['gateway']);
    const readyz = await fetch(`${playground.statusUrl}/readyz`);
    expect(await readyz.json()).toEqual({ status: 'not_ready', notReady: ['server role'] });
  });

  it('applies ENMESH_CONFIG into an empty database, and only tells what differs later', async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open(serveSettings(database.url));
    const { phone, configurationFile } = await writeAuthority(playground);
    const settings = { ENMESH_CONFIG: configurationFile };
    const first = await startRoles(playground, [], settings);
    const publish = async () => (await post(playground.gatewayUrl, phone.publishBody({ now: new Date() }))).status;
    expect(await publish()).toBe(200);
    expect(first.output).not.toContain('"differing"');
    await first.end();

    await writeFile(configurationFile, 'apps: [{ id: org.example.other, regions: [BB], bypassCertificate: true }]');
    const second = await startRoles(playground, [], settings);
    expect(second.output).toContain('"differing":["apps/org.example.other"]');
    expect(await publish()).toBe(200);
    expect(await runSql(database.url, 'select count(*)::int as apps from apps')).toEqual([{ apps: 1 }]);
  }, 180_000);

  it('refuses a configuration file with faults before anything is migrated', async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open(serveSettings(database.url));
    const file = join(playground.dataDir, 'bad.yaml');
    await writeFile(file, 'apps: [{ id: a, regions: [] }]');
    const ended = await playground.start(['serve'], { ENMESH_CONFIG: file }).finished();
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('apps[0].regions') as string });
    expect(await runSql(database.url, `select to_regclass('knex_migrations') as table`)).toEqual([{ table: null }]);
  });

  it('tells every fault at once and opens nothing', async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open({
      ENMESH_DATABASE_URL: database.url,
      ENMESH_RETENTION: '9d',
      ENMESH_AUTHORITY_CACHE: '31s',
      ENMESH_TRUNCATE_WINDOW: '1s',
      ENMESH_DATABASE_POOL_SIZE: '5',
      ENMESH_GRPC_ADDRESS: '0.0.0.0:1',
      ENMESH_GATEWAY_TLS_CERT: '/nowhere.pem',
      ENMESH_NO_SUCH: 'x',
    });
    const ended = await playground.run('serve');
    expect(ended.code).toBe(2);
    for (const name of [
      ...['ENMESH_RETENTION', 'ENMESH_AUTHORITY_CACHE', 'ENMESH_TRUNCATE_WINDOW', 'ENMESH_DATABASE_POOL_SIZE'],
      ...['ENMESH_GRPC_ADDRESS', 'ENMESH_GATEWAY_TLS_CERT', 'ENMESH_NO_SUCH', 'ENMESH_REVISION_TOKEN_KEY'],
    ]) {
      expect(ended.stderr).toContain(name);
    }
    expect(await runSql(database.url, `select to_regclass('knex_migrations') as table`)).toEqual([{ table: null }]);
  });

  it('refuses an old schema where it may not migrate, and names the cure', { timeout: 120_000 }, async () => {
    await using database = await createEmptyDatabase();
    const settings = { ...serveSettings(database.url), ENMESH_MIGRATE_AT_START: 'false' };
    await using playground = await Playground.open(settings);
    const refused = await playground.run('serve', 'server');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('`enmesh migrate`') as string });
    expect((await playground.run('migrate')).code).toBe(0);
    await startRoles(playground, ['server']);
  });

  it('serves federation with a database alone', { timeout: 120_000 }, async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open({ ENMESH_DATABASE_URL: database.url });
    delete playground.env['ENMESH_DATA_DIR'];
    const enmesh = await startRoles(playground, ['federation']);
    expect(await enmesh.end()).toMatchObject({ code: 0 });
  });

  it('ends with 2 where a signing key is missing that it may not make', { timeout: 120_000 }, async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open(serveSettings(database.url));
    const { configurationFile } = await writeAuthority(playground);
    const server = await startRoles(playground, ['server'], { ENMESH_CONFIG: configurationFile });
    await server.end();
    const ended = await playground.start(['serve', 'export'], { ENMESH_CREATE_KEYS: 'false' }).finished();
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('ENMESH_CREATE_KEYS=true') as string });
  });
});
