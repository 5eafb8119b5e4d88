/** A batch's keys out of PostgreSQL in key order, at constant memory. */
import type pg from 'pg';
import type { KeyCounts, KeyRange, KeySelection } from '../domain/export/batch.ts';
import type { KeyBlock } from '../domain/export-file/key-block.ts';
import type { KeyList } from '../domain/export-file/format.ts';
import { copyOut } from './copy-out.ts';
import { databaseError, type Queryable } from './database.ts';
import { KEY_ROW_COLUMNS, KeyRows } from './key-rows.ts';
import { keyRangeCondition, keyRows, type KeySource } from './key-selection.ts';

const BLOCK_ROWS = 8192;

/** The reader may be slow, so a statement may last; sorting a million keys in memory takes this much. */
const SETTINGS = `set local statement_timeout = 0; set local work_mem = '64MB'`;

/** Keys of one list. */
export interface KeyStreamOptions {
  readonly list: KeyList;
  readonly range: KeyRange;
}

/**
 * Streams keys ascending, in a transaction of its own on the client, which must be idle until the stream ends. Always
 * the same block, filled anew. A reader that stops early costs the connection. Read a closed window twice, and it gives
 * the same rows: their columns never change.
 *
 * @throws AppError `unavailable` or `internal`
 */
export async function* windowKeys(
  client: pg.ClientBase,
  selection: KeySelection,
  { list, range }: KeyStreamOptions,
): AsyncGenerator<KeyBlock> {
  const rows = new KeyRows(BLOCK_ROWS);
  let isOver = false;
  try {
    await client.query(`begin read only; ${SETTINGS}`);
    for await (const { block } of copyOut(client, copyStatement(list, selection, range), rows)) {
      yield block;
      block.count = 0;
    }
    if (rows.block.count > 0) yield rows.block;
    await client.query('commit');
    isOver = true;
  } catch (error) {
    throw databaseError(error);
  } finally {
    if (!isOver) await client.query('rollback').catch(() => undefined);
  }
}

/** The COPY that reads one list of a batch. */
function copyStatement(list: KeyList, selection: KeySelection, range: KeyRange): string {
  return `copy (
    select ${KEY_ROW_COLUMNS} from (${keyRows(list, selection, 'all')}) as rows
     where ${keyRangeCondition(range)} order by key
  ) to stdout (format binary)`;
}

/** Counts a batch's keys. */
export async function countKeys(database: Queryable, selection: KeySelection, source: KeySource): Promise<KeyCounts> {
  const { rows } = await database.query<{ keys: number; revised_keys: number }>(
    `select (select count(*)::integer from (${keyRows('keys', selection, source)}) as rows) as keys,
            (select count(*)::integer from (${keyRows('revisedKeys', selection, source)}) as rows) as revised_keys`,
  );
  return { keys: rows[0]?.keys ?? 0, revisedKeys: rows[0]?.revised_keys ?? 0 };
}

/** Keys at the given positions of the list in key order; the first has position 0. */
export async function keysAt(
  database: Queryable,
  selection: KeySelection,
  options: { readonly list: KeyList; readonly positions: readonly number[] },
): Promise<ReadonlyMap<number, Buffer>> {
  const { rows } = await database.query<{ position: number; key: Buffer }>(
    `select position, key
       from (select key, (row_number() over (order by key) - 1)::integer as position
               from (${keyRows(options.list, selection, 'all')}) as rows) as numbered
      where position = any($1)`,
    [options.positions],
  );
  return new Map(rows.map(({ position, key }) => [position, key]));
}
