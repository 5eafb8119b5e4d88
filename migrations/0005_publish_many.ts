/** How several publishes are written: in one statement, so that they share its round trip and its commit. */
import type { Knex } from 'knex';

/** Creates the function. A publish that is written alone, as every one of an older process is, takes `publish_keys`. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(publishMany);
}

/**
 * Every statement that writes publishes locks receipts by hash, then the window, then keys, then counters, each in
 * ascending order: none waits for another in a circle. Subscripts cost less than an unnest of many arrays, as long as no
 * element is null (an embargo of 0 is none) and the element's length is fixed.
 */
const publishMany = `
-- Stores publishes of one app, of whose keys none is known so far, and counts them. False: nothing is written, because one
-- of the keys is known, or one of the requests was answered before.
create function publish_many(
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
