/** What is remembered of readings of a health authority's JWKS. */
import type { Knex } from 'knex';

/** Adds the columns. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(columns);
}

const columns = `
alter table health_authorities
  -- When its JWKS was read last, and since when reading it has failed; null = never, and it does not.
  add column jwks_read_at timestamptz,
  add column jwks_failing_since timestamptz,
  -- Counts up with each reading that was written, so that one which took longer never undoes a newer one.
  add column jwks_readings bigint not null default 0;
`;
