/** `enmesh withdraw` and `enmesh federation withdraw` against the real service and database. */
import { describe, expect, it } from 'vitest';
import { insertAuthority } from '../support/authority.ts';
import { ago, insertExposure, now } from '../support/cleanup.ts';
import { startOperations, type OperationsFixture } from '../support/operations.ts';
import { runCommand } from './run-command.ts';

/** One key of the app that is published, and one of the partner that is not yet. */
async function start(): Promise<OperationsFixture> {
  const operations = await startOperations();
  const { database } = operations.deps;
  const { appRowId } = await insertAuthority(database);
  await database.query(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience,
                           require_server_identity)
     values ('bb', 'bb.example:443', 'https://id.bb.example', 'federation', 'aa', 'bb', true)`,
  );
  await insertExposure(database, 1, ago(7_200));
  await insertExposure(database, 2, now);
  await database.query('update exposures set app_id = $1 where created_at < $2', [appRowId, now]);
  await database.query('update exposures set partner_id = 1 where created_at = $1', [now]);
  return operations;
}

describe('withdraw', () => {
  it('counts first, then takes keys back, and lists what was taken back', async () => {
    await using operations = await start();
    const run = async (...words: string[]) => await runCommand([...words, '--server', operations.target]);
    expect((await run('withdraw', 'list')).stdout).toBe('nothing was withdrawn\n');
    expect(await run('withdraw', 'app', 'org.example.health', '--dry-run')).toEqual({
      exitCode: 0,
      stdout: 'would go out again as revoked: 1 key; would be deleted unpublished: 0 keys\n',
      stderr: '',
    });
    expect((await run('withdraw', 'app', 'org.example.health', '--since', '2026-03-20T08:59:00Z')).stdout).toBe(
      'withdrawal 1: 1 key will go out again as revoked, 0 keys deleted unpublished\n',
    );
    const { stdout } = await run('federation', 'withdraw', 'bb', '--json');
    expect(JSON.parse(stdout)).toEqual({ id: 2, withdrawnKeys: 0, deletedKeys: 1, copyPending: false });
    const list = (await run('withdraw', 'list')).stdout.split('\n');
    expect(list[1]).toMatch(/^ 2 {2}2026-03-20T10:00:00Z {2}partner +bb +- +- +0 +1 {2}2026-03-20T10:00:00Z$/);
    expect(list[2]).toMatch(
      /^ 1 {2}2026-03-20T10:00:00Z {2}app +org\.example\.health {2}2026-03-20T08:00:00Z +- +1 +0/,
    );
    const json = JSON.parse((await run('withdraw', 'list', '--limit', '1', '--json')).stdout) as object;
    expect(json).toMatchObject({ withdrawals: [{ scope: 'partner', name: 'bb' }] });
  });

  it('shows on a terminal how far it is, and asks nobody where there is none', async () => {
    await using operations = await start();
    const { database } = operations.deps;
    // More than one transaction takes, and the last of them is kept waiting.
    await database.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                              regions, partner_id)
       select decode(lpad(to_hex(n), 32, '0'), 'hex'), $1, $2, 144, 2, 1, false, '{AA}', 1
         from generate_series(1, 6000) as n`,
      [ago(7_200), Math.floor(now.getTime() / 600_000) - 300],
    );
    const words = ['withdraw', 'partner', 'bb', '--server', operations.target];
    const isHalfway = Promise.withResolvers<undefined>();
    const running = await database.transaction(async (client) => {
      await client.query('set local idle_in_transaction_session_timeout = 0');
      await client.query(`select from exposures where key = decode(lpad(to_hex(6000), 32, '0'), 'hex') for update`);
      const result = runCommand(words, {
        isTTY: true,
        onPrint: ({ stderr }) => {
          if (/ 5000\/6001/.test(stderr)) isHalfway.resolve(undefined);
        },
      });
      await Promise.race([isHalfway.promise, result]);
      return { result };
    });
    const { exitCode, stdout, stderr } = await running.result;
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'withdrawal 1: 6000 keys will go out again as revoked, 1 key deleted unpublished\n',
    });
    expect(stderr).toMatch(/withdrawing keys of bb .* 5000\/6001/);
    expect((await runCommand(words)).stderr).toBe('');
  });

  it('wants a time with its zone, and a name that there is', async () => {
    await using operations = await start();
    const run = async (...words: string[]) => await runCommand(['withdraw', ...words, '--server', operations.target]);
    expect(await run('app', 'org.example.health', '--since', 'yesterday')).toMatchObject({ exitCode: 2, stdout: '' });
    const unknown = await run('import', 'cc');
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stderr).toContain('no import has this name');
  });
});
