/** An installation whose database can be lost, beside a blob store and a key manager that stay. */
import type { BlobStore } from '../../src/storage/blob/blob-store.ts';
import type { Database } from '../../src/storage/database.ts';
import { replayWithdrawals, type ReplayDeps } from '../../src/server/withdrawal-copies/replay.ts';
import { insertAuthority } from './authority.ts';
import { ago, now } from './cleanup.ts';
import { startOperations, type OperationsFixture } from './operations.ts';
import { createTestDatabase, restoreCopyOf, type TestDatabase } from './postgres.ts';

export const bucket = 'withdrawals';
export const never = new AbortController().signal;
const hour = 3600;

/** With the sample app, which is row 1, and the partner `bb`, which is row 1 too; it has looked through its database. */
export async function startInstallation(): Promise<OperationsFixture> {
  const operations = await startOperations();
  const { database } = operations.deps;
  await configure(database);
  await replayWithdrawals(operations.deps, never);
  return operations;
}

async function configure(database: Database): Promise<void> {
  await insertAuthority(database);
  await database.query(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience,
                           require_server_identity)
     values ('bb', 'bb.example:443', 'https://id.bb.example', 'federation', 'aa', 'bb', true)`,
  );
}

/** The same installation on another database. */
export interface Restored extends AsyncDisposable {
  readonly deps: OperationsFixture['deps'];
  readonly url: string;
}

/** As the database is now, to go on with later. */
export async function backUp(operations: OperationsFixture): Promise<Restored> {
  return on(operations, await restoreCopyOf(operations.url));
}

/** A database that was made anew, and configured. */
export async function startAnew(operations: OperationsFixture): Promise<Restored> {
  const made = await createTestDatabase({ now });
  // Databases of tests are clones; one that is migrated makes a secret of its own.
  await made.database.query(`update tombstone_secret set secret = sha256(gen_random_uuid()::text::bytea)`);
  await configure(made.database);
  return on(operations, made);
}

function on(operations: OperationsFixture, { database, url, ...disposable }: TestDatabase): Restored {
  return { deps: { ...operations.deps, database }, url, ...disposable };
}

/** What a key is, and when it was published. */
export interface InsertedKey {
  /** Fills the key. */
  readonly byte: number;
  readonly hoursAgo: number;
  readonly column?: 'app_id' | 'partner_id' | null;
}

/** Of row 1 of the column, the sample app's unless told otherwise. */
export async function insertKey(database: Database, { byte, hoursAgo, column = 'app_id' }: InsertedKey): Promise<void> {
  await database.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler,
                            regions, app_id, partner_id)
     values ($1, $2, $3, 144, 2, 1, false, '{AA}', $4, $5)`,
    [
      Buffer.alloc(16, byte),
      ago(hoursAgo * hour),
      Math.floor(now.getTime() / 600_000) - 300,
      column === 'app_id' ? 1 : null,
      column === 'partner_id' ? 1 : null,
    ],
  );
}

/** What became of each key, by its byte; a key of which nothing is left is not among them. */
export async function fates(database: Database): Promise<Record<number, 'stored' | 'withdrawn'>> {
  const { rows } = await database.query<{ key: Buffer; withdrawn: boolean }>(
    'select key, withdrawn_at is not null as withdrawn from exposures order by key',
  );
  return Object.fromEntries(rows.map(({ key, withdrawn }) => [key[0]!, withdrawn ? 'withdrawn' : 'stored']));
}

/** Objects of the bucket, by name. */
export async function objects(blobStore: BlobStore): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for await (const name of blobStore.list(bucket, '')) {
    const read = await blobStore.read({ bucket, name });
    found.set(name, Buffer.concat((await read!.body.toArray()) as Buffer[]));
  }
  return found;
}

/** Writes an object into the bucket, as whoever may write there can. */
export async function writeObject(blobStore: BlobStore, name: string, content: Uint8Array): Promise<void> {
  const options = { contentType: 'application/octet-stream', cacheControl: 'no-store', onlyIfAbsent: false };
  await blobStore.put({ bucket, name }, content, options);
}

/** As a start of the server role does. */
export async function look(deps: ReplayDeps): Promise<void> {
  await replayWithdrawals(deps, never);
}
