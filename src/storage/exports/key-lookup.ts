/** Looks one key up: where it is stored, and in which batches and files it is. The key is a parameter, never SQL text. */
import type { FileStatus, KeySelection } from '../../domain/export/batch.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import type { Queryable } from '../database.ts';
import { filterQuery, keyRows, type KeyFilter } from './key-selection.ts';

/** A key that is stored. */
export interface StoredKey {
  /** Padding. */
  readonly isGenerated: boolean;
  readonly createdAt: Date;
  readonly revisedAt: Date | null;
  readonly withdrawnAt: Date | null;
  /** In which lists it stands, and the time that decides its window in each. */
  readonly appearances: readonly KeyAppearance[];
}

/** A key in one list. */
export interface KeyAppearance {
  readonly list: KeyList;
  readonly at: Date;
}

/** Reads everything that follows in the transaction as of one moment, and writes nothing. The first statement in it. */
export async function readOneMoment(client: Queryable): Promise<void> {
  await client.query('set transaction isolation level repeatable read, read only');
}

/** Null when nothing is known of it. */
export async function findKey(client: Queryable, key: Buffer): Promise<StoredKey | null> {
  const { rows } = await client.query<StoredKeyRow>(
    `select created_at, revised_at, withdrawn_at, null::boolean as padding_is_revised from exposures where key = $1
     union all
     (select created_at, null, null, revised from padding_keys where key = $1 order by revised)`,
    [key],
  );
  const [first, ...further] = rows.map(toStoredKey);
  if (first === undefined) return null;
  return { ...first, appearances: [first, ...further].flatMap(({ appearances }) => appearances) };
}

interface StoredKeyRow {
  created_at: Date;
  revised_at: Date | null;
  withdrawn_at: Date | null;
  /** Null = not padding. */
  padding_is_revised: boolean | null;
}

/** Padding has a row of its own for each list. */
function toStoredKey({
  created_at: createdAt,
  revised_at: revisedAt,
  withdrawn_at: withdrawnAt,
  padding_is_revised: isRevised,
}: StoredKeyRow): StoredKey {
  const appearances: KeyAppearance[] = [{ list: isRevised === true ? 'revisedKeys' : 'keys', at: createdAt }];
  for (const at of [revisedAt, withdrawnAt]) if (at !== null) appearances.push({ list: 'revisedKeys', at });
  return { isGenerated: isRevised !== null, createdAt, revisedAt, withdrawnAt, appearances };
}

/** Whether the batch holds the key in that list: the very rows that its files are built of. */
export async function holdsKey(
  client: Queryable,
  selection: KeySelection,
  { list, key }: { readonly list: KeyList; readonly key: Buffer },
): Promise<boolean> {
  const { rows } = await client.query(`select from (${keyRows(list, selection, 'all')}) as rows where key = $1`, [key]);
  return rows.length > 0;
}

/** Filters of the selection that keep a stored key out, whatever its window. */
export async function failedFilters(
  client: Queryable,
  selection: KeySelection,
  { list, key, isGenerated }: { readonly list: KeyList; readonly key: Buffer; readonly isGenerated: boolean },
): Promise<readonly KeyFilter[]> {
  const { rows } = await client.query<Record<KeyFilter, boolean>>(
    filterQuery(list, selection, isGenerated ? 'padding_keys' : 'exposures'),
    [key],
  );
  return Object.entries(rows[0] ?? {}).flatMap(([filter, passes]) => (passes ? [] : [filter as KeyFilter]));
}

/** A file whose recorded range the key lies in. */
export interface CoveringFile {
  readonly name: string;
  readonly status: FileStatus;
  /** Null while it is listed. */
  readonly unlistedAt: Date | null;
}

/** Files of the batch, of any revision, whose range of the list the key lies in; what phones get comes first. */
export async function filesCoveringKey(
  client: Queryable,
  batchId: string,
  { list, key }: { readonly list: KeyList; readonly key: Buffer },
): Promise<readonly CoveringFile[]> {
  const [has, after, through] =
    list === 'keys'
      ? ['has_keys', 'after_key', 'through_key']
      : ['has_revised_keys', 'after_revised_key', 'through_revised_key'];
  const { rows } = await client.query<{ name: string; status: FileStatus; unlisted_at: Date | null }>(
    `select name, status, unlisted_at from files
      where batch_id = $1 and ${has} and (${after} is null or ${after} < $2) and (${through} is null or $2 <= ${through})
      order by array_position(array['listed', 'uploaded', 'planned', 'unlisted', 'deleted'], status), revision desc`,
    [batchId, key],
  );
  return rows.map(({ name, status, unlisted_at: unlistedAt }) => ({ name, status, unlistedAt }));
}
