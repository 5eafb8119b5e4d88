/** A restored database in processes of their own: nobody serves it before the server role has done withdrawals again. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { insertAuthority } from '../support/authority.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { startRoles } from '../support/installed.ts';
import { createTestDatabase, restoreCopyOf } from '../support/postgres.ts';

const elsewhere = { ENMESH_METRICS_ADDRESS: '127.0.0.1:0' };

it('a role waits for the server role, is not ready meanwhile, and can be stopped', { timeout: 240_000 }, async () => {
  await using lost = await createTestDatabase();
  const { appRowId } = await insertAuthority(lost.database);
  await lost.database.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                            regions, app_id)
     values (decode(repeat('01', 16), 'hex'), now() - interval '2 hours', extract(epoch from now())::integer / 600 - 288,
             144, 2, 1, false, '{AA}', $1)`,
    [appRowId],
  );
  await using backup = await restoreCopyOf(lost.url);
  await using playground = await Playground.open(serveSettings(lost.url));
  const server = await startRoles(playground, ['server']);
  expect(await playground.run('withdraw', 'app', 'org.example.health')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 key will go out again as revoked') as string,
    stderr: '',
  });
  await server.end();

  playground.env['ENMESH_DATABASE_URL'] = backup.url;
  const waiting = /waiting for a process of the server role/;
  const stopped = playground.start(['serve', 'federation']);
  await stopped.prints(waiting);
  const readyz = await fetch(`${playground.statusUrl}/readyz`);
  expect([readyz.status, await readyz.json()]).toEqual([503, { status: 'not_ready', notReady: ['starting'] }]);
  expect(await stopped.end()).toMatchObject({ code: 0 });

  const exports = playground.start(['serve', 'export']);
  await exports.prints(waiting);
  await startRoles(playground, ['server'], elsewhere);
  await exports.prints('"msg":"ready"');
  const { rows } = await backup.database.query('select withdrawn_at is not null as withdrawn, app_id from exposures');
  expect(rows).toEqual([{ withdrawn: true, app_id: appRowId }]);
});

it(
  'a server role that waits for a silent blob store has configured nothing, and can be stopped',
  { timeout: 240_000 },
  async () => {
    await using database = await createTestDatabase();
    await using silent = createServer((socket) => socket.resume().on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    await using playground = await Playground.open({
      ...serveSettings(database.url),
      ENMESH_BLOB_STORE: 's3',
      ENMESH_S3_REGION: 'us-east-1',
      ENMESH_S3_ENDPOINT: `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}`,
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      ENMESH_WITHDRAWALS_BUCKET: 'withdrawals',
      ENMESH_STOP_TIMEOUT: '1s',
      ENMESH_STOP_DRAIN: '0s',
    });
    const path = join(playground.dataDir, 'authority.yaml');
    await writeFile(path, 'healthAuthorities: [{ issuer: https://verify.example.org, audience: aa, name: Example }]\n');
    const server = playground.start(['serve', 'server'], { ENMESH_CONFIG: path });
    const asked = once(silent, 'connection');
    await server.prints('looking for withdrawals that it lacks');
    await asked;
    const ended = await server.end();
    // Its own end comes minutes later, when it has given the store up.
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('stopped while it started') as string });
    expect(ended.stderr).not.toContain('does not answer');
    // Others that ran before would begin to serve with it.
    expect((await database.database.query('select issuer from health_authorities')).rows).toEqual([]);
  },
);
