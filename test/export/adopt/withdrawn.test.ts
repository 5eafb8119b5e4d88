/** Keys that were published and withdrawn since the backup: they come back out of their files, as withdrawn. */
import { describe, expect, it } from 'vitest';
import { adoptPublishedFiles } from '../../../src/export/adopt/adopt.ts';
import { replayWithdrawals, type ReplayDeps } from '../../../src/server/withdrawal-copies/replay.ts';
import { copyWithdrawals } from '../../../src/server/withdrawal-copies/write-copies.ts';
import { withdraw } from '../../../src/server/operations/withdraw.ts';
import { insertAuthority } from '../../support/authority.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readIndexLines,
  readPublishedFiles,
  runAll,
  type ExportRole,
} from '../../support/export-role.ts';
import { restoreCopyOf } from '../../support/postgres.ts';
import { countTombstones, maxIntervalAgeSeconds, withdrawalOf } from '../../support/withdrawal.ts';

const hour = 3_600_000;
const never = new AbortController().signal;
const revoked = 5;

function replayDeps({ deps }: ExportRole): ReplayDeps {
  const settings = {
    maxIntervalAgeSeconds,
    withdrawalsBucket: 'withdrawals',
    retentionSeconds: deps.settings.retentionSeconds,
    revisionTokenKey: 'revision-token',
  };
  return { ...deps, settings };
}

/** The installation on a backup from before it published anything, and after it withdrew everything. */
async function publishWithdrawAndRestore(role: ExportRole) {
  const { database, keyManager } = role.deps;
  await keyManager.createEncryptionKey('revision-token');
  const { appRowId } = await insertAuthority(database);
  await insertExport(role);
  const backup = await restoreCopyOf(role.url);
  const keys = await insertKeys(database, { count: 5 });
  await database.query('update exposures set app_id = $1', [appRowId]);
  await runAll(role);
  await withdraw(replayDeps(role), withdrawalOf({ scope: 'app', name: 'org.example.health' }), never);
  await copyWithdrawals(replayDeps(role), never);
  const restored: ExportRole = { ...role, deps: { ...role.deps, database: backup.database }, url: backup.url };
  return { keys, restored, [Symbol.asyncDispose]: () => backup[Symbol.asyncDispose]() };
}

async function expectRevokedOnce(restored: ExportRole, keys: readonly string[]): Promise<void> {
  for (let hours = 0; hours < 3; hours++) {
    restored.clock.advance(hour);
    await adoptPublishedFiles(restored.deps);
    await runAll(restored);
  }
  const files = await readPublishedFiles(restored);
  expect(keysIn(files)).toEqual(keys);
  expect(keysIn(files, 'revisedKeys')).toEqual(keys);
  const revisions = files.flatMap(({ content }) => content.revisedKeys);
  expect(new Set(revisions.map(({ reportType }) => reportType))).toEqual(new Set([revoked]));
  expect(await countTombstones(restored.deps.database)).toBe(0);
}

describe('a key that was published and withdrawn after the backup', () => {
  it('goes out as revoked, whatever of the replay and the adoption comes first', async () => {
    for (const isAdoptedFirst of [false, true]) {
      await using role = await openExportRole();
      await using after = await publishWithdrawAndRestore(role);
      const { restored, keys } = after;
      expect(await readIndexLines(restored)).toHaveLength(1);
      if (isAdoptedFirst) expect(await adoptPublishedFiles(restored.deps)).toBe(1);
      await replayWithdrawals(replayDeps(restored), never);
      await expectRevokedOnce(restored, keys);
    }
  });

  it('is not told again where it was already, in a file that is adopted too', async () => {
    await using role = await openExportRole();
    await using after = await publishWithdrawAndRestore(role);
    role.clock.advance(hour);
    await runAll(role);
    expect(keysIn(await readPublishedFiles(role), 'revisedKeys')).toEqual(after.keys);

    const { restored, keys } = after;
    await replayWithdrawals(replayDeps(restored), never);
    await expectRevokedOnce(restored, keys);
    const { rows } = await restored.deps.database.query('select from exposures where withdrawn_at is null');
    expect(rows).toEqual([]);
  });
});
