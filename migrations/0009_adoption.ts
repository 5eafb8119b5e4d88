/** Keys that came back out of published files. */
import type { Knex } from 'knex';

/** Adds a column. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(adoption);
}

const adoption = `
-- Read out of a file of our own that the database did not know, after a restore. It may be a generated key, which a file
-- does not tell from a real one: so it is exported like others, and never federates.
alter table exposures add column adopted boolean not null default false;
`;
