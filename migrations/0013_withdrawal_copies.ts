/** Copies of withdrawals in the blob store, and the notice of a database that is not the one that was served last. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(copies);
  await knex.raw(withdrawnBefore);
  await knex.raw(restoreChecks);
}

const copies = `
-- Objects in the blob store, each complete in itself. What it holds is fixed with this row, before it is written.
create table withdrawal_copies (
  id uuid primary key default gen_random_uuid(),
  -- From then on none of its keys is in any database, nor can be accepted.
  keep_until timestamptz not null,
  hashes integer not null,
  -- Null = it may not be there yet.
  written_at timestamptz
);

-- Hashes of keys that were withdrawn, as those of tombstones, until they are in a copy.
create table withdrawn_hashes (
  hash bytea primary key check (octet_length(hash) = 32),
  expires_at timestamptz not null,
  -- Null = none yet.
  copy_id uuid references withdrawal_copies
);
create index withdrawn_hashes_copy_id on withdrawn_hashes (copy_id, hash);

-- By which a withdrawal is known in databases that count otherwise; and the copy that has it, or had it: these go in time.
alter table withdrawals add column uid uuid not null default gen_random_uuid();
alter table withdrawals add column copy_id uuid;
create unique index withdrawals_uid on withdrawals (uid);
create index withdrawals_copy_id on withdrawals (copy_id);
`;

/** Tombstones of keys that went for their age are among them: nothing tells them apart, and to refuse them is right too. */
const withdrawnBefore = `
insert into withdrawn_hashes (hash, expires_at)
select hash, expires_at from tombstones
union
select tombstone_hash(s.secret, e.key), tombstone_expiry(e.interval_start, e.interval_count, 15 * 86400)
  from exposures e, tombstone_secret s
 where e.withdrawn_at is not null
    on conflict (hash) do nothing;
`;

/**
 * A backup holds whatever is written in the database: that it was looked through is said of one run of its server, one
 * database there, and one file of the table, of which any way to restore makes at least one anew.
 */
const restoreChecks = `
-- One row at most: for which database it was made sure that it knows every withdrawal of this bucket; null = none is kept.
create table restore_checks (
  only_row boolean primary key default true check (only_row),
  epoch text not null,
  bucket text,
  at timestamptz not null
);

create function database_epoch() returns text
language sql stable as $$
  select concat_ws('/', extract(epoch from pg_postmaster_start_time()), d.oid, pg_relation_filenode('restore_checks'))
    from pg_database as d where d.datname = current_database()
$$;
`;
