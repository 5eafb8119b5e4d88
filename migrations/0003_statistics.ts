/** Counters of publishes: one row a health authority, hour and shard, so that publishes at the same time do not wait for each other. */
import type { Knex } from 'knex';

/** Creates the table and the function that counts. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(table);
  await knex.raw(countPublishes);
}

const table = `
-- Slots of counts: 1–3 publishes by platform (unknown, Android, iOS), 4 keys, 5 publishes with revisions, 6 publishes
-- without symptom onset, 7–22 publishes by age of the oldest key (0 … 14, at least 15 days), 23–52 publishes by days
-- since symptom onset (0 … 28, at least 29).
create table health_authority_stats (
  health_authority_id integer not null references health_authorities on delete cascade,
  hour timestamptz not null,
  shard smallint not null,
  counts bigint[] not null check (cardinality(counts) = 52),
  primary key (health_authority_id, hour, shard)
);
create index health_authority_stats_hour on health_authority_stats (hour);
`;

const countPublishes = `
-- Adds to the counters, in the caller's transaction. p_counts has one row of slots for each authority and hour, which come
-- in ascending order. Connections count in shards of their own, or nearly so.
create function count_publishes(p_authority_ids integer[], p_hours timestamptz[], p_counts bigint[]) returns void
language sql volatile as $$
  insert into health_authority_stats as stored (health_authority_id, hour, shard, counts)
  select p_authority_ids[i], p_hours[i], pg_backend_pid() % 32,
         array(select unnest(p_counts[i:i]))
    from generate_subscripts(p_authority_ids, 1) as i
      on conflict (health_authority_id, hour, shard) do update set
    counts = array(select a + b from unnest(stored.counts, excluded.counts) with ordinality as slot (a, b, n) order by n)
$$;
`;
