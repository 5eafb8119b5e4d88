/** What keys come by, by name: what is configured, and what was taken out of the configuration while its keys stay. */
import type { WithdrawalScope, WithdrawnKeys } from '../../domain/withdrawal/withdrawal.ts';
import type { Queryable } from '../database.ts';

/** Where the names of each scope stand, and the column of a key that says so. */
const subjects: Readonly<Record<WithdrawalScope, { table: string; nameColumn: string; keyColumn: string }>> = {
  app: { table: 'apps', nameColumn: 'app_id', keyColumn: 'app_id' },
  authority: { table: 'health_authorities', nameColumn: 'issuer', keyColumn: 'health_authority_id' },
  partner: { table: 'partners', nameColumn: 'name', keyColumn: 'partner_id' },
  import: { table: 'imports', nameColumn: 'name', keyColumn: 'import_id' },
};

/**
 * SQL that is true of keys which came by anything that has that name or ever had it: a name that was removed and given
 * again stands for both.
 * @param name SQL of the name
 */
export function cameBy(scope: WithdrawalScope, name: string): string {
  const { table, nameColumn, keyColumn } = subjects[scope];
  return `${keyColumn} = any(array(
    select id from ${table} where ${nameColumn} = ${name}
    union all select subject_id from former_names where scope = '${scope}' and name = ${name}))`;
}

/** Whether anything has the name, or ever had it. */
export async function isKnownSubject(
  database: Queryable,
  { scope, name }: Pick<WithdrawnKeys, 'scope' | 'name'>,
): Promise<boolean> {
  const { table, nameColumn } = subjects[scope];
  const { rows } = await database.query<{ known: boolean }>(
    `select exists (select from ${table} where ${nameColumn} = $1
                    union all select from former_names where scope = $2 and name = $1) as known`,
    [name, scope],
  );
  return rows[0]!.known;
}

/** Names of what keys could be withdrawn of. */
export interface SubjectNames {
  /** In order. */
  readonly configured: readonly string[];
  /** No longer configured; the last that was removed first. */
  readonly former: readonly string[];
}

/** At most so many of each kind. */
export async function subjectNames(database: Queryable, scope: WithdrawalScope, limit: number): Promise<SubjectNames> {
  const { table, nameColumn } = subjects[scope];
  const configured = await database.query<{ name: string }>(
    `select ${nameColumn} as name from ${table} order by name limit $1`,
    [limit],
  );
  const former = await database.query<{ name: string }>(
    `select name from former_names f
      where scope = $1 and not exists (select from ${table} where ${nameColumn} = f.name)
      group by name order by max(removed_at) desc, name limit $2`,
    [scope, limit],
  );
  return { configured: configured.rows.map(({ name }) => name), former: former.rows.map(({ name }) => name) };
}

/** Keeps the names of rows that the caller's transaction is about to delete. @param at null = the database's clock */
export async function leaveNames(
  client: Queryable,
  scope: WithdrawalScope,
  { names, at }: { readonly names: readonly string[]; readonly at: Date | null },
): Promise<void> {
  if (names.length === 0) return;
  const { table, nameColumn } = subjects[scope];
  await client.query(
    `insert into former_names (scope, name, subject_id, removed_at)
     select $1, ${nameColumn}, id, coalesce($3::timestamptz, clock_timestamp()) from ${table}
      where ${nameColumn} = any($2)`,
    [scope, names, at],
  );
}
