/** Withdrawal: keys that go out once more as revoked, keys that are gone and never accepted again, and who asked for it. */
import type { Knex } from 'knex';

/** Creates everything. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(exposures);
  await knex.raw(withdrawals);
  await knex.raw(tombstones);
  await knex.raw(tombstonedKeys);
  await knex.raw(publishKeys);
  await knex.raw(reviseKeys);
  await knex.raw(publishMany);
}

const exposures = `
-- The window in which the key goes out again, as withdrawn; never before its revision's. Neither the primary columns nor
-- those of a revision change with it.
alter table exposures add column withdrawn_at timestamptz;
create index exposures_withdrawn_at_key on exposures (withdrawn_at, key) where withdrawn_at is not null;
`;

const withdrawals = `
-- What was withdrawn: enough to do it once more after a restore. Rows stay, as those of the audit do; they name no key.
create table withdrawals (
  id bigint generated always as identity primary key,
  scope text not null check (scope in ('app', 'authority', 'partner', 'import')),
  -- App id, issuer, or name.
  name text not null,
  -- Keys whose window begins then or later, and before; null = no bound.
  since timestamptz,
  until timestamptz,
  at timestamptz not null,
  actor text not null,
  -- How far it is in the order of (created_at, key), in the transaction that withdraws so far.
  reached_at timestamptz not null default '-infinity',
  reached_key bytea not null default '',
  finished_at timestamptz,
  -- Go out as revoked; were deleted before anybody got them.
  withdrawn_keys bigint not null default 0,
  deleted_keys bigint not null default 0
);
create index withdrawals_unfinished on withdrawals (id) where finished_at is null;
`;

/**
 * The hash keeps a copy of this table alone from telling which keys were here. Whoever also has the secret can try out
 * keys that he knows, but most of these never left this database, so nobody knows them.
 */
const tombstones = `
-- Keys that are gone and could still be sent: withdrawn before they were published, or deleted for their age. A key is
-- here or in exposures, never in both.
create table tombstones (
  hash bytea primary key check (octet_length(hash) = 32),
  -- From then on the key is too old to be accepted.
  expires_at timestamptz not null
);
create index tombstones_expires_at on tombstones (expires_at);

create table tombstone_secret (
  only_row boolean primary key default true check (only_row),
  secret bytea not null
);
-- Two version-4 UUIDs have 244 random bits, of PostgreSQL's own strong source.
insert into tombstone_secret (secret)
values (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- Secret and key have fixed lengths, so that nothing can be appended.
create function tombstone_hash(p_secret bytea, p_key bytea) returns bytea
language sql immutable strict parallel safe as $$
  select sha256(p_secret || p_key)
$$;

-- First moment at which a key of this place in time is too old to be accepted, whoever sends it: it must reach with its
-- end the interval of the present less the age.
create function tombstone_expiry(p_start integer, p_count smallint, p_max_age_seconds integer) returns timestamptz
language sql immutable strict parallel safe as $$
  select to_timestamp((p_start::bigint + p_count + 1) * 600 + p_max_age_seconds)
$$;
`;

/**
 * The plan is made once a connection, when there may be three tombstones, and must hold when there are a million: hence no
 * sequential scan, and no compilation because such a scan counts as dear. OFFSET 0 keeps the look-up one by one.
 */
const tombstonedKeys = `
-- Those of the keys that are never to be accepted again. Who writes keys asks after he has written them, in a statement of
-- its own: he may have waited for the transaction that buried one.
create function tombstoned_keys(p_keys bytea[]) returns setof bytea
language plpgsql stable rows 1 set enable_seqscan = off set jit = off as $$
begin
  return query
  select k.key
    from tombstone_secret as s, unnest(p_keys) as k (key)
   where s.only_row and exists (select from tombstones)
     and exists (select from tombstones as t where t.hash = tombstone_hash(s.secret, k.key) offset 0);
end
$$;
`;

/** As before, but for keys that are never to be accepted again: they count as known. */
const publishKeys = `
create or replace function publish_keys(
  p_now timestamptz,
  p_hash bytea, p_content bytea, p_expires timestamptz, p_interval integer, p_tokens bytea,
  p_app_id integer, p_authority_id integer, p_report_type smallint, p_traveler boolean, p_regions text[],
  p_keys bytea[], p_starts integer[], p_counts smallint[], p_risks smallint[], p_onset_days smallint[], p_embargoes bigint[]
) returns boolean
language plpgsql volatile as $$
declare
  v_window timestamptz;
begin
  if not take_receipt(p_hash, p_content, p_expires, p_interval, cardinality(p_keys), p_tokens) then
    return false;
  end if;
  v_window := enter_window(p_now);
  insert into exposures (key, created_at, interval_start, app_id, health_authority_id, interval_count,
                         transmission_risk, report_type, days_since_onset, traveler, regions)
  select k.key, greatest(v_window, to_timestamp(p_embargoes[k.i])), p_starts[k.i], p_app_id, p_authority_id,
         p_counts[k.i], p_risks[k.i], p_report_type, p_onset_days[k.i], p_traveler, p_regions
    from unnest(p_keys) with ordinality as k (key, i);
  if exists (select from tombstoned_keys(p_keys)) then
    raise unique_violation;
  end if;
  return true;
exception
  when unique_violation then
    return false;
end
$$;
`;

/** As before, but for keys that are withdrawn or never to be accepted again: they have changed. */
const reviseKeys = `
create or replace function revise_keys(
  p_now timestamptz,
  p_hash bytea, p_content bytea, p_expires timestamptz, p_interval integer, p_tokens bytea,
  p_app_id integer, p_authority_id integer, p_report_type smallint, p_traveler boolean, p_regions text[],
  p_keys bytea[], p_starts integer[], p_counts smallint[], p_risks smallint[], p_onset_days smallint[], p_embargoes bigint[],
  p_expected smallint[]
) returns boolean
language plpgsql volatile as $$
declare
  v_window timestamptz;
  v_new integer := (select count(*) from unnest(p_expected) as expected where expected is null);
  v_written integer;
begin
  if not take_receipt(p_hash, p_content, p_expires, p_interval, v_new, p_tokens) then
    return false;
  end if;
  v_window := enter_window(p_now);
  with written as (
    insert into exposures as stored (
      key, created_at, interval_start, app_id, health_authority_id, interval_count,
      transmission_risk, report_type, days_since_onset, traveler, regions,
      revised_at, revised_report_type, revised_transmission_risk, revised_days_since_onset, revised_traveler, revised_regions)
    select k.key, w.at, k.interval_start, p_app_id, p_authority_id, k.interval_count,
           k.risk, coalesce(k.expected, p_report_type), k.onset_days, p_traveler, p_regions,
           case when w.revises then w.at end, case when w.revises then p_report_type end,
           case when w.revises then k.risk end, case when w.revises then k.onset_days end,
           case when w.revises then p_traveler end, case when w.revises then p_regions end
      from unnest(p_keys, p_starts, p_counts, p_risks, p_onset_days, p_embargoes, p_expected)
        as k (key, interval_start, interval_count, risk, onset_days, embargo, expected),
           lateral (select greatest(v_window, to_timestamp(k.embargo)) as at, k.expected is not null as revises) as w
        on conflict (key) do update set
      -- Never before the key itself: phones would get a revocation first and the key afterwards.
      revised_at = greatest(excluded.revised_at, stored.created_at),
      revised_report_type = excluded.revised_report_type,
      revised_transmission_risk = excluded.revised_transmission_risk,
      revised_days_since_onset = excluded.revised_days_since_onset,
      -- Like the regions: whoever got the key must get its revision.
      revised_traveler = stored.traveler or excluded.revised_traveler,
      revised_regions = array(select distinct r from unnest(stored.regions || excluded.revised_regions) as r order by r)
     where excluded.revised_at is not null and stored.revised_at is null and stored.withdrawn_at is null
       and stored.report_type = excluded.report_type
       and stored.interval_start = excluded.interval_start and stored.interval_count = excluded.interval_count
       and stored.partner_id is null and stored.import_id is null and stored.provenance is null
    returning stored.xmax = 0 as is_new, stored.revised_at is not null as is_revision
  )
  -- A key to revise that has gone meanwhile would count as both.
  select count(*) into v_written from written where is_new <> is_revision;
  if v_written <> cardinality(p_keys) or exists (select from tombstoned_keys(p_keys)) then
    raise exception using errcode = 'serialization_failure', message = 'a key of this publish has changed meanwhile';
  end if;
  return true;
end
$$;
`;

/** As before, but for keys that are never to be accepted again: they count as known. */
const publishMany = `
create or replace function publish_many(
  p_now timestamptz, p_app_id integer, p_regions text[],
  -- One element a publish, ascending by hash.
  p_hashes bytea[], p_contents bytea[], p_expires timestamptz[], p_intervals integer[], p_inserted integer[], p_tokens bytea[],
  p_authority_ids integer[], p_report_types smallint[], p_travelers boolean[],
  -- 16 bytes a key, ascending; then one element a key, of which the first is its publish, from 1.
  p_keys bytea, p_publishes integer[], p_starts integer[], p_counts smallint[], p_risks smallint[], p_onset_days smallint[],
  p_embargoes bigint[],
  -- As count_publishes takes them.
  p_counted_authorities integer[], p_counted_hours timestamptz[], p_counted bigint[]
) returns boolean
language plpgsql volatile as $$
declare
  v_window timestamptz;
begin
  insert into receipts (certificate_hash, content_hash, inserted, tokens, expires_at, answered_interval)
  select p_hashes[i], p_contents[i], p_inserted[i], p_tokens[i], p_expires[i], p_intervals[i]
    from generate_subscripts(p_hashes, 1) as i
   where p_hashes[i] is not null;
  v_window := enter_window(p_now);
  insert into exposures (key, created_at, interval_start, app_id, health_authority_id, interval_count,
                         transmission_risk, report_type, days_since_onset, traveler, regions)
  select substr(p_keys, 16 * i - 15, 16), greatest(v_window, to_timestamp(p_embargoes[i])), p_starts[i], p_app_id,
         p_authority_ids[p_publishes[i]], p_counts[i], p_risks[i], p_report_types[p_publishes[i]], p_onset_days[i],
         p_travelers[p_publishes[i]], p_regions
    from generate_series(1, octet_length(p_keys) / 16) as i;
  if exists (select from tombstoned_keys(array(
       select substr(p_keys, 16 * i - 15, 16) from generate_series(1, octet_length(p_keys) / 16) as i))) then
    raise unique_violation;
  end if;
  if cardinality(p_counted_authorities) > 0 then
    perform count_publishes(p_counted_authorities, p_counted_hours, p_counted);
  end if;
  return true;
exception
  when unique_violation then
    return false;
end
$$;
`;
