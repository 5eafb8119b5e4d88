/** How a publish is written: everything in one statement, so that a publish is one transaction and one round trip. */
import type { Knex } from 'knex';

/** Creates the functions. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(receipts);
  await knex.raw(publishKeys);
  await knex.raw(reviseKeys);
}

const receipts = `
-- Writes the receipt of a publish; a twin that arrives meanwhile waits here until the first one is done.
-- False: the same request was answered before. p_hash null = there is no certificate.
create function take_receipt(
  p_hash bytea, p_content bytea, p_expires timestamptz, p_interval integer, p_inserted integer, p_tokens bytea
) returns boolean
language plpgsql volatile as $$
begin
  if p_hash is null then
    return true;
  end if;
  insert into receipts (certificate_hash, content_hash, inserted, tokens, expires_at, answered_interval)
  values (p_hash, p_content, p_inserted, p_tokens, p_expires, p_interval)
  on conflict do nothing;
  return found or not exists (select from receipts where certificate_hash = p_hash and content_hash = p_content);
end
$$;
`;

/**
 * Keys come sorted, so that publishes that share keys wait for each other in one order and never in a circle.
 * Subscripts instead of an unnest of six arrays, and a caught violation instead of ON CONFLICT, because both are cheaper;
 * an error that is caught here reaches no log, so no key does.
 */
const publishKeys = `
-- Stores keys of which none is known so far. False: nothing is written, because one of them is known, or because the
-- same request was answered before.
create function publish_keys(
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
  return true;
exception
  when unique_violation then
    return false;
end
$$;
`;

/** One INSERT for both, so that all rows are locked in key order whether they are new or known. */
const reviseKeys = `
-- Writes new keys and the one revision of known ones. p_expected has the report type that a known key was seen with,
-- null for a new key. False: nothing is written, because the same request was answered before.
-- A key that is no longer as it was seen raises serialization_failure: nothing is written.
create function revise_keys(
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
     where excluded.revised_at is not null and stored.revised_at is null
       and stored.report_type = excluded.report_type
       and stored.interval_start = excluded.interval_start and stored.interval_count = excluded.interval_count
       and stored.partner_id is null and stored.import_id is null and stored.provenance is null
    returning stored.xmax = 0 as is_new, stored.revised_at is not null as is_revision
  )
  -- A key to revise that has gone meanwhile would count as both.
  select count(*) into v_written from written where is_new <> is_revision;
  if v_written <> cardinality(p_keys) then
    raise exception using errcode = 'serialization_failure', message = 'a key of this publish has changed meanwhile';
  end if;
  return true;
end
$$;
`;
