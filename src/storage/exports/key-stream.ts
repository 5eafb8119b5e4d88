/** A batch's keys out of PostgreSQL in key order, at constant memory. */
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { KeyCounts, KeyRange, KeySelection } from '../../domain/export/batch.ts';
import type { KeyBlock } from '../../domain/export-file/key-block.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { databaseError, type Queryable } from '../database.ts';
import { KEY_ROW_COLUMNS, KeyRows } from './key-rows.ts';
import { keyRangeCondition, keyRows, type KeySource } from './key-selection.ts';

const BLOCK_ROWS = 1024;
/** Bytes that are read ahead of the reader; then PostgreSQL waits. */
const READ_AHEAD_BYTES = 64 * 1024;

/** The reader may be slow, so a statement may last; sorting a million keys in memory takes this much. */
const SETTINGS = `set local statement_timeout = 0; set local work_mem = '64MB'`;

/** Keys of one list. */
export interface KeyStreamOptions {
  readonly list: KeyList;
  readonly range: KeyRange;
}

/**
 * Streams keys ascending, in a transaction of its own on the client, which must be idle until the stream ends. Always
 * the same block, filled anew. A reader that stops early leaves the transaction open, which costs the connection. Read a
 * closed window twice, and it gives the same rows: their columns never change.
 *
 * @param client of {@link Database.withClient}
 * @throws AppError `unavailable` or `internal`
 */
export async function* windowKeys(
  client: pg.ClientBase,
  selection: KeySelection,
  { list, range }: KeyStreamOptions,
): AsyncGenerator<KeyBlock> {
  const rows = new KeyRows(BLOCK_ROWS);
  try {
    await client.query(`begin read only; ${SETTINGS}`);
    const text = copyStatement(list, selection, range);
    const chunks = client.query(copyTo(text, { highWaterMark: READ_AHEAD_BYTES }));
    // When the connection ends, the stream fails, also after the reader has left it.
    chunks.on('error', () => undefined);
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      rows.push(chunk);
      while (rows.fill()) {
        yield rows.block;
        rows.block.count = 0;
      }
    }
    rows.end();
    if (rows.block.count > 0) yield rows.block;
    await client.query('commit');
  } catch (error) {
    throw databaseError(error);
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
