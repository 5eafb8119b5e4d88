/** Holds: apps, health authorities and exports that are stopped for a while. */
import type { Queryable } from './database.ts';

/** What can be held: lists of the configuration. */
export type HoldSubject = 'apps' | 'healthAuthorities' | 'exports';

/** One thing that is held. */
export interface Hold {
  readonly subject: HoldSubject;
  /** App id, issuer, or name of the export. */
  readonly name: string;
  readonly since: Date;
}

/** Column that a table's rows are named by. */
const tables = {
  apps: { table: 'apps', nameColumn: 'app_id' },
  healthAuthorities: { table: 'health_authorities', nameColumn: 'issuer' },
  exports: { table: 'exports', nameColumn: 'name' },
} as const;

/**
 * Holds or releases one. An export gets a new index with it: an empty one while it is held.
 * @param change.at when; null = the database's clock
 * @returns undefined when there is none of that name; else whether anything changed
 */
export async function writeHold(
  client: Queryable,
  subject: HoldSubject,
  change: { readonly name: string; readonly release: boolean; readonly at: Date | null },
): Promise<boolean | undefined> {
  const { table, nameColumn } = tables[subject];
  const { rows } = await client.query<{ is_held: boolean }>(
    `select held_at is not null as is_held from ${table} where ${nameColumn} = $1 for no key update`,
    [change.name],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  if (row.is_held !== change.release) return false;
  await client.query(
    `update ${table}
        set held_at = case when not $2::boolean then coalesce($3::timestamptz, clock_timestamp()) end
            ${subject === 'exports' ? ', index_wanted = index_wanted + 1' : ''}
      where ${nameColumn} = $1`,
    [change.name, change.release, change.at],
  );
  return true;
}

/** Everything that is held, by kind and name. */
export async function listHolds(database: Queryable): Promise<readonly Hold[]> {
  const parts = Object.entries(tables).map(
    ([subject, { table, nameColumn }]) =>
      `select '${subject}' as subject, ${nameColumn} as name, held_at as since from ${table} where held_at is not null`,
  );
  const { rows } = await database.query<Hold>(`${parts.join(' union all ')} order by subject, name`);
  return rows;
}

/** Names of what could be held, in order. */
export async function holdableNames(
  database: Queryable,
  subject: HoldSubject,
  limit: number,
): Promise<readonly string[]> {
  const { table, nameColumn } = tables[subject];
  const { rows } = await database.query<{ name: string }>(
    `select ${nameColumn} as name from ${table} order by name limit $1`,
    [limit],
  );
  return rows.map(({ name }) => name);
}
