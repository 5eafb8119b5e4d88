/** Imports and the files of their indexes: what is listed, who works on what, and where each import stands. */
import type { ImportPublicKey } from '../../domain/configuration/configuration.ts';
import { unknownKey } from '../../domain/import/refusal.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';

/** An import as its workers need it. */
export interface ImportSource {
  readonly id: number;
  readonly name: string;
  readonly indexUrl: string;
  readonly baseUrl: string;
  /** Upper case. */
  readonly region: string;
  readonly traveler: boolean;
  /** When its index was asked for the last time; null = never. */
  readonly indexTriedAt: Date | null;
}

/** Which imports: all when there is no name. */
export interface ImportFilter {
  readonly name?: string;
}

/** By name. */
export async function importSources(database: Queryable, { name }: ImportFilter): Promise<readonly ImportSource[]> {
  const { rows } = await database.query<ImportSource>(
    `select id, name, index_url as "indexUrl", base_url as "baseUrl", upper(region) as region, traveler,
            index_tried_at as "indexTriedAt"
       from imports where $1::text is null or name = $1 order by name`,
    [name ?? null],
  );
  return rows;
}

/** The keys that verify its files, whenever they are valid. */
export async function importPublicKeys(database: Queryable, importId: number): Promise<readonly ImportPublicKey[]> {
  const { rows } = await database.query<ImportPublicKey>(
    `select key_id as "keyId", key_version as "keyVersion", public_key_pem as "publicKeyPem", valid_from as "from",
            valid_thru as thru
       from import_public_keys where import_id = $1`,
    [importId],
  );
  return rows;
}

/** What came of an index. */
export interface IndexReading {
  /** In the index's order, each once; null = it could not be read. */
  readonly names: readonly string[] | null;
  /** It lists all that there is: files that it does not name have left it. */
  readonly isWhole: boolean;
  /** Why it could not be read, or what was passed over; null = all is well. */
  readonly error: string | null;
}

/** How the files of an import changed. */
export interface ListingChange {
  readonly discovered: number;
  /** Open ones that left the index, so that they can never be imported. */
  readonly givenUp: number;
}

/** Told of a file that can never be imported. */
const leftIndex = 'it left the index before it was imported';

/** Remembers what an index lists. A file that failed and comes back into the index is tried again. */
export async function noteIndex(
  client: Queryable,
  importId: number,
  { names, isWhole, error, clock }: IndexReading & { readonly clock: Clock },
): Promise<ListingChange> {
  const { rows: state } = await client.query<{ now: Date }>(
    `update imports
        set index_tried_at = now.time, index_error = $3, index_read_at = case when $4 then now.time else index_read_at end
       from (select coalesce($2::timestamptz, clock_timestamp()) as time) as now
      where id = $1
     returning now.time as now`,
    [importId, clock.forDatabase(), error, names !== null],
  );
  if (names === null || state[0] === undefined) return { discovered: 0, givenUp: 0 };
  const { now } = state[0];
  const { rows: listed } = await client.query<{ is_new: boolean }>(
    `insert into import_files as f (import_id, name, discovered_at)
     select $1, n.name, $2 from unnest($3::text[]) with ordinality as n (name, place) order by n.place
     on conflict (import_id, name) do update
       set unlisted_at = null,
           status = case when f.status = 'failed' then 'open' else f.status end,
           attempts = case when f.status = 'failed' then 0 else f.attempts end,
           not_before = case when f.status = 'failed' then null else f.not_before end
     where f.unlisted_at is not null
     returning f.xmax = 0 as is_new`,
    [importId, now, names],
  );
  const discovered = listed.filter(({ is_new }) => is_new).length;
  return { discovered, givenUp: isWhole ? await unlist(client, { importId, names, now }) : 0 };
}

/** Files that somebody has in hand may yet be imported; whoever fails to do so gives them up. */
async function unlist(
  client: Queryable,
  { importId, names, now }: { readonly importId: number; readonly names: readonly string[]; readonly now: Date },
): Promise<number> {
  const { rows } = await client.query<{ is_given_up: boolean }>(
    `with gone as (
       select id, status = 'open' as is_open from import_files f
        where import_id = $1 and unlisted_at is null
          and not exists (select from unnest($3::text[]) as n (name) where n.name = f.name)
          for update
     )
     update import_files f
        set unlisted_at = $2, status = case when gone.is_open then 'failed' else f.status end,
            last_error = case when gone.is_open then concat_ws('; ', f.last_error, $4::text) else f.last_error end
       from gone where f.id = gone.id
     returning gone.is_open as is_given_up`,
    [importId, now, names, leftIndex],
  );
  return rows.filter(({ is_given_up }) => is_given_up).length;
}

/** Lets files be tried again at once: those that failed, and those that wait after a failure. @returns how many */
export async function reopenFiles(database: Queryable, importId: number): Promise<number> {
  const { rowCount } = await database.query(
    `update import_files set status = 'open', attempts = 0, not_before = null
      where import_id = $1 and unlisted_at is null
        and (status = 'failed' or (status = 'open' and not_before is not null))`,
    [importId],
  );
  return rowCount ?? 0;
}

/** Where an import stands. */
export interface ImportState {
  readonly name: string;
  readonly listedFiles: number;
  readonly importedFiles: number;
  readonly waitingFiles: number;
  readonly failedFiles: number;
  readonly insertedKeys: number;
  readonly revisedKeys: number;
  readonly indexReadAt: Date | null;
  readonly indexError: string | null;
  /** Reason → keys, with revisions that wait for their key; null = none. */
  readonly quarantine: Readonly<Record<string, number>>;
  readonly problems: readonly FileProblem[];
}

/** A file that is not imported. */
export interface FileProblem {
  readonly name: string;
  readonly attempts: number;
  /** Null = given up. */
  readonly retryAt: Date | null;
  readonly error: string;
}

type StateRow = Omit<ImportState, 'problems' | 'quarantine'> & { readonly id: number };

/** By name. */
export async function importStates(database: Queryable, { name }: ImportFilter): Promise<readonly ImportState[]> {
  const { rows } = await database.query<StateRow>(
    `select i.id, i.name, i.index_read_at as "indexReadAt", i.index_error as "indexError",
            count(f.id) filter (where f.unlisted_at is null)::float8 as "listedFiles",
            count(f.id) filter (where f.unlisted_at is null and f.status = 'imported')::float8 as "importedFiles",
            count(f.id) filter (where f.unlisted_at is null and f.status in ('open', 'pending'))::float8 as "waitingFiles",
            count(f.id) filter (where f.unlisted_at is null and f.status = 'failed')::float8 as "failedFiles",
            coalesce(sum(f.inserted_keys), 0)::float8 as "insertedKeys",
            coalesce(sum(f.revised_keys), 0)::float8 as "revisedKeys"
       from imports i left join import_files f on f.import_id = i.id
      where $1::text is null or i.name = $1
      group by i.id order by i.name`,
    [name ?? null],
  );
  return await Promise.all(
    rows.map(async ({ id, ...state }) => ({
      ...state,
      quarantine: await quarantineOf(database, id),
      problems: await problemsOf(database, id),
    })),
  );
}

async function quarantineOf(database: Queryable, importId: number): Promise<Record<string, number>> {
  const { rows } = await database.query<{ reason: string; keys: number }>(
    `select reason, count(*)::float8 as keys from import_quarantine where import_id = $1 group by reason order by reason`,
    [importId],
  );
  return Object.fromEntries(rows.map(({ reason, keys }) => [reason, keys]));
}

async function problemsOf(database: Queryable, importId: number): Promise<readonly FileProblem[]> {
  const { rows } = await database.query<FileProblem>(
    `select name, attempts, case when status <> 'failed' then not_before end as "retryAt", last_error as error
       from import_files
      where import_id = $1 and status in ('open', 'failed') and last_error is not null
      order by id limit 100`,
    [importId],
  );
  return rows;
}

/** What is watched over all imports. */
export interface ImportBacklog {
  readonly waitingFiles: number;
  readonly failedFiles: number;
  readonly quarantinedKeys: number;
  /** Age of the index that has gone unread longest; one that was never read has none. */
  readonly unreadSeconds: number;
}

/** For metrics. */
export async function importBacklog(database: Queryable, clock: Clock): Promise<ImportBacklog> {
  const { rows } = await database.query<ImportBacklog>(
    `select (select count(*)::float8 from import_files where unlisted_at is null and status in ('open', 'pending')) as "waitingFiles",
            (select count(*)::float8 from import_files where unlisted_at is null and status = 'failed') as "failedFiles",
            (select count(*)::float8 from import_quarantine where reason <> $2) as "quarantinedKeys",
            (select coalesce(extract(epoch from max(coalesce($1, clock_timestamp()) - index_read_at)), 0)::float8
               from imports) as "unreadSeconds"`,
    [clock.forDatabase(), unknownKey],
  );
  return rows[0]!;
}
