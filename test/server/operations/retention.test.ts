/** Twenty days of an installation's life: what is too old is nowhere any more, neither in a row nor in a file nor in a line. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { reprocessBatch } from '../../../src/export/batch/reprocess.ts';
import { writeOutdatedIndexes } from '../../../src/export/index/write-index.ts';
import { cleanUp } from '../../../src/server/operations/cleanup.ts';
import { withdraw } from '../../../src/server/operations/withdraw.ts';
import { databaseTime } from '../../../src/storage/database-time.ts';
import type { Database } from '../../../src/storage/database.ts';
import { insertAuthority } from '../../support/authority.ts';
import {
  insertExport,
  insertKeys,
  openExportRole,
  readIndexLines,
  runAll,
  type ExportRole,
} from '../../support/export-role.ts';
import { countPublishes } from '../../support/statistics.ts';
import { maxIntervalAgeSeconds, withdrawalOf, withdrawDeps } from '../../support/withdrawal.ts';

const day = 86_400;
const periodSeconds = day / 2;
const graceSeconds = day;
const retentionSeconds = 14 * day;
/** From one clean-up to the next. */
const run = periodSeconds;

/** Configuration, and what is kept of it for ever, on purpose. */
const notOfPhones = new Set([
  'apps',
  'audit',
  'exports',
  'former_places',
  'health_authorities',
  'health_authority_keys',
  'import_public_keys',
  'imports',
  'mirror_files',
  'mirror_leftovers',
  'mirrors',
  'partners',
  'revision_keys',
  'signing_key_versions',
  'signing_keys',
  'window_state',
  'withdrawals',
]);

/** Table → seconds that its times may be past; a table that is not named is not allowed. */
const oldest: Readonly<Record<string, number>> = {
  exposures: retentionSeconds + run,
  padding_keys: retentionSeconds + run,
  receipts: run,
  health_authority_stats: retentionSeconds + day + run,
  import_files: retentionSeconds + run,
  import_quarantine: retentionSeconds + run,
  tombstones: run,
  partner_quarantine: retentionSeconds + run,
  pushed_batches: retentionSeconds + run,
  batches: retentionSeconds + periodSeconds + graceSeconds + run,
  files: retentionSeconds + periodSeconds + graceSeconds + run,
};

it(
  'Export decision 12: nothing older than the retention allows remains in database, store or index',
  { timeout: 180_000 },
  async () => {
    await using role = await openExportRole({ minRecords: 10, paddingRange: 3, maxRecords: 100, retentionSeconds });
    const { database } = role.deps;
    await insertExport(role, { periodSeconds, graceSeconds });
    const importId = await insertImport(database);
    const partnerId = await insertPartner(database);
    await role.deps.database.query(`update window_state set closed_through = closed_through - interval '1 day'`);
    const { authorityRowId: authorityId } = await insertAuthority(database);
    for (let half = 0; half < 2 * 20; half++) {
      const now = await databaseTime(database, role.clock);
      await insertKeys(database, { count: 3, createdAt: now });
      await insertOthers(role, { now, importId, partnerId, authorityId });
      await withdrawSome(role, importId);
      role.clock.advance(periodSeconds * 1000);
      const [built] = await runAll(role);
      if (half % 5 === 0 && built) await reprocess(role, built.id);
      await writeOutdatedIndexes(role.deps);
      await cleanUp(
        { ...role.deps, settings: { retentionSeconds, maxIntervalAgeSeconds } },
        new AbortController().signal,
      );
      await writeOutdatedIndexes(role.deps);
    }
    const now = await databaseTime(database, role.clock);
    const ages = await oldestOfEachTable(database, now);
    expect(Object.keys(ages)).toEqual(expect.arrayContaining(Object.keys(oldest)));
    const tooOld = Object.entries(ages).filter(([table, age]) => age > (oldest[table] ?? -1));
    expect(tooOld).toEqual([]);
    const starts = (names: readonly string[]): number[] => names.map((name) => Number(/\/(\d+)-/.exec(name)![1]));
    const unix = now.getTime() / 1000;
    const lines = (await readIndexLines(role))!;
    expect(lines.length).toBeGreaterThan(20);
    expect(Math.min(...starts(lines))).toBeGreaterThanOrEqual(unix - retentionSeconds);
    const objects = (await Array.fromAsync(role.deps.blobStore.list('exports', ''))).filter((name) =>
      name.endsWith('.zip'),
    );
    expect(Math.min(...starts(objects))).toBeGreaterThanOrEqual(unix - oldest['files']!);
  },
);

async function reprocess(role: ExportRole, batchId: string): Promise<void> {
  await reprocessBatch(role.deps, batchId, { signal: new AbortController().signal, actor: 'test' });
}

/** Of keys that nobody got yet, and of such as are published; most stay. */
async function withdrawSome({ clock, deps: { database } }: ExportRole, importId: number): Promise<void> {
  await database.query(
    `update exposures set import_id = $1
      where get_byte(key, 0) < 50 or created_at < (select max(created_at) from exposures) and get_byte(key, 0) > 200`,
    [importId],
  );
  const request = withdrawalOf({ scope: 'import', name: 'cc' });
  await withdraw(withdrawDeps({ database, clock }), request, new AbortController().signal);
}

async function insertImport(database: Database): Promise<number> {
  const { rows } = await database.query<{ id: number }>(
    `insert into imports (name, index_url, base_url, region, traveler)
     values ('cc', 'https://cc.example/index.txt', 'https://cc.example/', 'CC', false) returning id`,
  );
  return rows[0]!.id;
}

async function insertPartner(database: Database): Promise<number> {
  const { rows } = await database.query<{ id: number }>(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience,
                           require_server_identity)
     values ('bb', 'localhost:1', 'https://id.bb.example', 'federation', 'us', 'bb', true) returning id`,
  );
  return rows[0]!.id;
}

interface Others {
  readonly now: Date;
  readonly importId: number;
  readonly partnerId: number;
  readonly authorityId: number;
}

/** What publishes, imports and partners leave behind, besides keys. */
async function insertOthers(
  { deps: { database } }: ExportRole,
  { now, importId, partnerId, authorityId }: Others,
): Promise<void> {
  await database.query(
    `insert into receipts (certificate_hash, content_hash, inserted, answered_interval, expires_at)
     values ($1, $1, 1, 1, $2)`,
    [randomBytes(32), now],
  );
  await countPublishes(database, authorityId, now.toISOString(), 20);
  await database.query(
    `with file as (
       insert into import_files (import_id, name, discovered_at, unlisted_at) values ($1, $2, $3, $3) returning id)
     insert into import_quarantine (import_id, import_file_id, refused_at, reason, is_revision, key, interval_start,
                                    interval_count, report_type)
     select $1, id, $3, 'too_old', false, $4, 1, 144, 1 from file`,
    [importId, now.toISOString(), now, randomBytes(16)],
  );
  await database.query(
    `insert into partner_quarantine (partner_id, direction, refused_at, reason, event, key, interval_start, interval_count,
                                     transmission_risk, report_type, traveler, regions, path)
     values ($1, 'pull', $2, 'too_old', 'published', $3, 1, 144, 0, 1, false, '{}', '{}')`,
    [partnerId, now, randomBytes(16)],
  );
  await database.query(
    `insert into pushed_batches (partner_id, id, content_hash, verdicts, received_at) values ($1, $2, '', '', $3)`,
    [partnerId, randomBytes(16), now],
  );
}

/** Table → seconds that the oldest of its times is past, of all tables but those of the configuration. */
async function oldestOfEachTable(database: Database, now: Date): Promise<Record<string, number>> {
  const { rows: columns } = await database.query<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
      where table_schema = 'public' and data_type = 'timestamp with time zone' and table_name not like 'knex%'`,
  );
  const ages: Record<string, number> = {};
  for (const { table, column } of columns.filter((each) => !notOfPhones.has(each.table))) {
    const { rows } = await database.query<{ age: number | null }>(
      `select extract(epoch from $1::timestamptz - min(${column}))::float8 as age from ${table}`,
      [now],
    );
    ages[table] = Math.max(ages[table] ?? -Infinity, rows[0]?.age ?? -Infinity);
  }
  return ages;
}
