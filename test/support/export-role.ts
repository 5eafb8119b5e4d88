/** An export role without its ports: database, blob store and key manager are real, the clock stands still. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Batch } from '../../src/domain/export/batch.ts';
import { runExports } from '../../src/export/batch/run.ts';
import { ensureSigningKeys } from '../../src/export/keys/ensure.ts';
import type { ExportDeps, ExportSettings } from '../../src/export/settings.ts';
import { readExportFile, type ExportFile } from '../../src/cli/export-file/read.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { openKeyManager } from '../../src/platform/key-manager/open.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import type { Queryable } from '../../src/storage/database.ts';
import { temporaryFolder } from './export-file.ts';
import { createTestDatabase } from './postgres.ts';
import { readPublishedFile } from './published-file.ts';

/** Windows of an hour; 10:00 is the newest boundary. */
export const NOW = new Date('2020-12-10T10:11:00Z');
/** The window that is due first: 09:00 to 10:00. */
export const WINDOW_START = new Date('2020-12-10T09:00:00Z');

/** What tests need of the role. */
export interface ExportRole extends AsyncDisposable {
  readonly deps: ExportDeps;
  readonly clock: ManualClock;
  readonly url: string;
  /** Folder of blobs, keys and unfinished files. */
  readonly folder: string;
}

/** Opens it; nothing is padded and no window has to age unless the settings say so. */
export async function openExportRole(settings: Partial<ExportSettings> = {}): Promise<ExportRole> {
  const folder = await temporaryFolder();
  const { database, url, [Symbol.asyncDispose]: drop } = await createTestDatabase({ now: NOW });
  const clock = new ManualClock(NOW);
  const deps: ExportDeps = {
    database,
    blobStore: await openBlobStore({ kind: 'filesystem', dir: join(folder.path, 'blobs') }),
    keyManager: await openKeyManager({ kind: 'filesystem', dir: join(folder.path, 'keys') }),
    clock,
    settings: {
      minWindowAgeSeconds: 0,
      minRecords: 0,
      paddingRange: 0,
      maxRecords: 500_000,
      leaseSeconds: 60,
      concurrency: 2,
      retentionSeconds: 14 * 86_400,
      spoolDir: join(folder.path, 'spool'),
      createKeys: true,
      ...settings,
    },
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
  };
  return {
    deps,
    clock,
    url,
    folder: folder.path,
    [Symbol.asyncDispose]: async () => {
      await drop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** An export as a test configures it; everything may be left out. */
export interface ExportOptions {
  name?: string;
  outputRegion?: string;
  inputRegions?: string[];
  excludeRegions?: string[];
  includeTravelers?: boolean;
  onlyNonTravelers?: boolean;
  periodSeconds?: number;
  from?: Date;
  thru?: Date;
  maxRecords?: number;
  graceSeconds?: number;
  shiftSeconds?: number;
  isHeld?: boolean;
  /** When `apply` added it; not known when left out. */
  addedAt?: Date;
  /** Names of signing keys, made when missing; the key `main` when left out. */
  signingKeys?: string[];
}

/** Inserts an export of region AA, whose filenameRoot and bucket are its name and `exports`; returns its id. */
export async function insertExport(role: ExportRole, options: ExportOptions = {}): Promise<number> {
  const { database } = role.deps;
  const name = options.name ?? 'aa';
  const { rows } = await database.query<{ id: number }>(
    `insert into exports (name, bucket, filename_root, output_region, input_regions, exclude_regions, include_travelers,
                          only_non_travelers, period_seconds, valid_from, valid_thru, max_records, grace_seconds, held_at, shift_seconds,
                          added_at)
     values ($1, 'exports', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning id`,
    [
      name,
      options.outputRegion ?? 'AA',
      options.inputRegions ?? [],
      options.excludeRegions ?? [],
      options.includeTravelers ?? false,
      options.onlyNonTravelers ?? false,
      options.periodSeconds ?? 3600,
      options.from ?? null,
      options.thru ?? null,
      options.maxRecords ?? null,
      options.graceSeconds ?? 86_400,
      options.isHeld === true ? NOW : null,
      options.shiftSeconds ?? null,
      options.addedAt ?? null,
    ],
  );
  const id = rows[0]!.id;
  for (const key of options.signingKeys ?? ['main']) {
    await database.query(
      `insert into signing_keys (name, key, key_id, first_version) values ($1, 'export-' || $1, '310', 'v1')
       on conflict do nothing`,
      [key],
    );
    await database.query(
      'insert into export_signing_keys (export_id, signing_key_id) select $1, id from signing_keys where name = $2',
      [id, key],
    );
  }
  await ensureSigningKeys(role.deps, { createMissing: true });
  return id;
}

/** Keys as a test stores them; everything may be left out. */
export interface KeysOptions {
  count?: number;
  createdAt?: Date;
  regions?: string[];
  traveler?: boolean;
  reportType?: number;
  transmissionRisk?: number;
  /** Every key revised then. */
  revisedAt?: Date;
  revisedRegions?: string[];
  revisedTraveler?: boolean;
  /** Every key withdrawn then. */
  withdrawnAt?: Date;
}

/** Inserts random keys, 100 confirmed ones at 09:00 in AA unless told otherwise; returns them in order, as hex. */
export async function insertKeys(database: Queryable, options: KeysOptions = {}): Promise<string[]> {
  const { rows } = await database.query<{ key: string }>(
    `with made as (
       insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                              days_since_onset, traveler, regions, revised_at, revised_report_type,
                              revised_transmission_risk, revised_days_since_onset, revised_regions, revised_traveler,
                              withdrawn_at)
       select decode(md5($1 || i), 'hex'), $2, 2679000 + (i % 14) * 144, 144 - i % 2, $3, $4,
              case when i % 3 > 0 then i % 10 - 5 end, $5, $6, $7,
              case when $7::timestamptz is not null then 5 end, case when $7::timestamptz is not null then 6 end,
              case when $7::timestamptz is not null then 2 end, $8, $9, $10
         from generate_series(1, $11::integer) as i
       returning key)
     select encode(key, 'hex') as key from made order by key`,
    [
      randomUUID(),
      options.createdAt ?? WINDOW_START,
      options.transmissionRisk ?? 2,
      options.reportType ?? 1,
      options.traveler ?? false,
      options.regions ?? ['AA'],
      options.revisedAt ?? null,
      options.revisedRegions ?? null,
      options.revisedTraveler ?? null,
      options.withdrawnAt ?? null,
      options.count ?? 100,
    ],
  );
  return rows.map(({ key }) => key);
}

/** Plans and builds what is due; the batches as they ended. */
export async function runAll(role: ExportRole, exportName?: string): Promise<Batch[]> {
  const { signal } = new AbortController();
  const steps = runExports(role.deps, { signal, ...(exportName === undefined ? {} : { exportName }) });
  return (await Array.fromAsync(steps)).flatMap(({ batch }) => batch ?? []);
}

/** Lines of the index as it is in the blob store; null when there is none. */
export async function readIndexLines(role: ExportRole, root = 'aa'): Promise<string[] | null> {
  const content = await readBlob(role, `${root}/index.txt`);
  return content && content.toString().split('\n').filter(Boolean);
}

/** Bytes of a blob; null when there is none. */
export async function readBlob(role: ExportRole, name: string): Promise<Buffer | null> {
  const read = await role.deps.blobStore.read({ bucket: 'exports', name });
  return read && Buffer.concat((await read.body.toArray()) as Buffer[]);
}

/** Everything that the index lists, opened; each zip is also read, and its signature checked, with none of our code. */
export async function readPublishedFiles(role: ExportRole, root = 'aa'): Promise<ExportFile[]> {
  const files = [];
  for (const name of (await readIndexLines(role, root)) ?? []) {
    const zip = await readBlob(role, name);
    if (zip === null) throw new Error(`${name} is listed but not there`);
    const file = await readExportFile(zip);
    await expectReadable(role, zip, file);
    files.push(file);
  }
  return files;
}

async function expectReadable({ deps }: ExportRole, zip: Buffer, { content }: ExportFile): Promise<void> {
  const { rows } = await deps.database.query<{ pem: string }>('select public_key_pem as pem from signing_key_versions');
  const others = await Promise.any(rows.map(({ pem }) => readPublishedFile(zip, pem)));
  for (const list of ['keys', 'revisedKeys'] as const) {
    const keys = others[list].map(({ key }) => Buffer.from(key, 'base64').toString('hex'));
    if (
      !isDeepStrictEqual(
        keys,
        content[list].map(({ key }) => key.toString('hex')),
      )
    ) {
      throw new Error(`another implementation reads other ${list}`);
    }
    if (!isDeepStrictEqual(keys, [...new Set(keys)].sort())) throw new Error(`${list} are not in order, or repeated`);
  }
}

/** Keys of one list of the files, as hex, in the order in which they stand there. */
export function keysIn(files: readonly ExportFile[], list: 'keys' | 'revisedKeys' = 'keys'): string[] {
  return files.flatMap(({ content }) => content[list].map(({ key }) => key.toString('hex')));
}
