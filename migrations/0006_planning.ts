/** Batches that are held back, places that exports have left, and padding among the revised keys. */
import type { Knex } from 'knex';

/** Adds columns and a table. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(planning);
}

const planning = `
-- A batch of few keys is open for further windows until its window end has this age; null = it is not held back.
alter table batches add column shifted_until timestamptz;

-- Where an export's files were before it moved. The index there goes on listing them until they are too old.
create table former_places (
  id integer generated always as identity primary key,
  export_id integer not null references exports on delete cascade,
  bucket text not null,
  filename_root text not null,
  left_at timestamptz not null default clock_timestamp()
);
create unique index former_places_place on former_places (bucket, lower(filename_root));

-- A generated key may be in the list of primary keys and, later, among the revised ones, as real keys are. The index that
-- files are read by is the only one: an index by key alone would touch a page of its own for each of a thousand keys.
alter table padding_keys drop constraint padding_keys_pkey, add primary key (created_at, key, revised);
drop index padding_keys_created_at_key;
`;
