/** How the keys of a partner's batch are written: all in one call, in key order. */
import type { Knex } from 'knex';

/** Creates the functions. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(lockExposure);
  await knex.raw(takeKeys);
}

const lockExposure = `
-- Locks a stored key until the transaction ends. False: it is not stored.
create function lock_exposure(p_key bytea) returns boolean
language plpgsql volatile as $$
begin
  perform from exposures where key = p_key for update;
  return found;
end
$$;
`;

/**
 * Subscripts cost less than an unnest of many arrays, as long as no element is null and the element's length is fixed.
 * A condition row by row takes the locks of known keys between the insertions of new ones, so that all are taken in one
 * order. The plan is made once a connection and must hold for many rows: hence no sequential scan.
 */
const takeKeys = `
-- Stores published keys that are not here yet, whoever brought the others, and locks those that are to be changed.
create function take_keys(
  p_now timestamptz, p_partner_id integer,
  -- One text[] an origin, written as text, from 1.
  p_regions text[], p_provenances text[],
  -- 16 bytes a key, ascending, each once; then one element a key. Origin 0 = it is not published, but changed.
  p_keys bytea, p_origins smallint[], p_starts integer[], p_counts smallint[], p_risks smallint[], p_report_types smallint[],
  -- 99 = unknown.
  p_onset_days smallint[],
  p_travelers boolean[], p_embargoes bigint[],
  -- Keys that are changed too; null = none is.
  p_changes boolean[],
  -- 16 bytes a key: those that are new, and, where any is not, those that are here and not withdrawn.
  out window_start timestamptz, out stored bytea, out known bytea,
  -- Changes of the partner wait for their key.
  out has_waiting boolean
) returns record
language plpgsql volatile set enable_seqscan = off set jit = off as $$
declare
  v_buried bytea[];
begin
  window_start := enter_window(p_now);
  with written as (
    insert into exposures (key, created_at, interval_start, partner_id, interval_count, transmission_risk, report_type,
                           days_since_onset, traveler, regions, provenance)
    select substr(p_keys, 16 * i - 15, 16), greatest(window_start, to_timestamp(p_embargoes[i])), p_starts[i], p_partner_id,
           p_counts[i], p_risks[i], p_report_types[i], nullif(p_onset_days[i], 99), p_travelers[i],
           p_regions[p_origins[i]]::text[], p_provenances[p_origins[i]]::text[]
      from generate_series(1, octet_length(p_keys) / 16) as i
     where case
             when p_changes is null or not p_changes[i] then true
             when lock_exposure(substr(p_keys, 16 * i - 15, 16)) then false
             else p_origins[i] > 0
           end
    on conflict (key) do nothing
    returning key
  )
  select coalesce(string_agg(key, ''), '') into stored from written;
  if stored <> '' and exists (select from tombstones) then
    with buried as (
      delete from exposures
       where key in (select tombstoned_keys(array(
               select substr(stored, 16 * i - 15, 16) from generate_series(1, octet_length(stored) / 16) as i)))
      returning key
    )
    select array_agg(key) into v_buried from buried;
    if v_buried is not null then
      stored := (select coalesce(string_agg(substr(stored, 16 * i - 15, 16), ''), '')
                   from generate_series(1, octet_length(stored) / 16) as i
                  where substr(stored, 16 * i - 15, 16) <> all (v_buried));
    end if;
  end if;
  if octet_length(stored) < octet_length(p_keys) then
    known := (select string_agg(substr(p_keys, 16 * i - 15, 16), '')
                from generate_series(1, octet_length(p_keys) / 16) as i
               where exists (select from exposures as e
                              where e.key = substr(p_keys, 16 * i - 15, 16) and e.withdrawn_at is null offset 0));
  end if;
  has_waiting := exists (select from partner_quarantine where partner_id = p_partner_id and reason = 'unknown_key');
end
$$;
`;
