/** Copies of other authorities' files: where each mirror stands, what it lists and has, and what is left of mirrors that are gone. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(mirrors);
  await knex.raw(files);
  await knex.raw(leftovers);
}

const mirrors = `
alter table mirrors
  add column lease_owner uuid,
  add column lease_expires timestamptz,
  -- The other authority's index was last taken in, and a run that did so last ended.
  add column read_at timestamptz,
  add column completed_at timestamptz,
  -- Runs in a row that could not read the index.
  add column attempts integer not null default 0,
  add column not_before timestamptz,
  add column last_error text,
  -- The index listed none of our files when it was read last: believed when it is read so again.
  add column all_vanished boolean not null default false,
  -- Lines that name no file, and why the first of them does not.
  add column refused_lines integer not null default 0,
  add column first_refusal text,
  -- Of the last run.
  add column copied_files integer not null default 0,
  add column deleted_files integer not null default 0,
  -- As of exports: our index is current when both are equal.
  add column index_wanted bigint not null default 1,
  add column index_written bigint not null default 0;
`;

const files = `
create table mirror_files (
  id bigint generated always as identity primary key,
  mirror_id integer not null references mirrors on delete cascade,
  -- Below the base URL, and what the copy is called behind the mirror's root.
  path text not null,
  name text not null,
  -- In the other authority's index; null = left it.
  position integer,
  copied_at timestamptz,
  size bigint,
  -- Of the whole file.
  sha256 bytea,
  -- The base URL is another one: what it has under this path must be what we have.
  recheck boolean not null default false,
  attempts integer not null default 0,
  not_before timestamptz,
  last_error text,
  -- Our index was written without it; null = not yet, or it is listed.
  unlisted_at timestamptz,
  unique (mirror_id, path),
  unique (mirror_id, name)
);
`;

const leftovers = `
-- Objects of mirrors that were deleted or moved, and indexes of exports that were deleted. Of those that nobody has taken over by then, the store is rid of.
create table mirror_leftovers (
  bucket text not null,
  name text not null,
  delete_after timestamptz not null,
  primary key (bucket, name)
);
create index mirror_leftovers_delete_after on mirror_leftovers (delete_after);
`;
