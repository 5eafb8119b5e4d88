/** Names that have left the configuration: keys that came by them stay, and are still to be found by them. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(formerNames);
}

const formerNames = `
-- What a row was called that apply has deleted; keys keep its id. Rows stay, as those of the audit do; they name no key.
create table former_names (
  scope text not null check (scope in ('app', 'authority', 'partner', 'import')),
  subject_id integer not null,
  -- App id, issuer, or name.
  name text not null,
  removed_at timestamptz not null,
  primary key (scope, subject_id)
);
create index former_names_name on former_names (scope, name);
`;
