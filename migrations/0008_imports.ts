/** Other authorities' files as keys: what their indexes list, who works on which file, and keys that were refused. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(indexes);
  await knex.raw(files);
  await knex.raw(quarantine);
}

const indexes = `
alter table imports
  -- Asked for, well or not; then when it was read the last time, and what was wrong the last time.
  add column index_tried_at timestamptz,
  add column index_read_at timestamptz,
  add column index_error text;
`;

const files = `
create table import_files (
  id bigint generated always as identity primary key,
  import_id integer not null references imports on delete cascade,
  -- Its line in the index.
  name text not null,
  status text not null default 'open' check (status in ('open', 'pending', 'imported', 'failed')),
  discovered_at timestamptz not null,
  -- Left the index; null = listed.
  unlisted_at timestamptz,
  lease_owner uuid,
  lease_expires timestamptz,
  attempts integer not null default 0,
  not_before timestamptz,
  last_error text,
  -- Grow with each part that is stored, in its transaction.
  inserted_keys integer not null default 0,
  revised_keys integer not null default 0,
  unique (import_id, name)
);
create index import_files_unlisted_at on import_files (unlisted_at) where unlisted_at is not null;
`;

const quarantine = `
-- Keys as they stand in their file, so that they can be judged again; null = absent there.
create table import_quarantine (
  id bigint generated always as identity primary key,
  import_id integer not null references imports on delete cascade,
  import_file_id bigint not null references import_files on delete cascade,
  refused_at timestamptz not null,
  reason text not null,
  -- Of the two lists of the file.
  is_revision boolean not null,
  key bytea not null check (octet_length(key) <= 64),
  interval_start integer not null,
  interval_count integer not null,
  transmission_risk integer,
  report_type integer not null,
  days_since_onset integer,
  unique (import_id, key, is_revision)
);
create index import_quarantine_refused_at on import_quarantine (refused_at, id);
create index import_quarantine_file on import_quarantine (import_file_id);
`;
