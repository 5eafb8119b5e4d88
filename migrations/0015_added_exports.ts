/** When exports were added: from then on their windows are planned, however late the first planner comes. */
import type { Knex } from 'knex';

/** Adds a column. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(addedExports);
}

const addedExports = `
-- Null = not known: then the first window that is planned is the newest.
alter table exports add column added_at timestamptz;
`;
