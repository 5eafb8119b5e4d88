/** What a generated key among the revised ones said before: as real ones, it then revises one that said so. */
import type { Knex } from 'knex';

/** Adds a column. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(generatedRevisions);
}

const generatedRevisions = `
-- Report type that the key had when it was published first; null = it is no revision, or was made before this column.
alter table padding_keys add column former_report_type smallint;
`;
