/** Keys that are stored as if phones had published them, put there by SQL. */
import pg from 'pg';

/** Where they go. */
export interface StoredKeys {
  readonly count: number;
  /** Start of the first of the four hours that they are spread over. */
  readonly from: Date;
}

/** Real rows with their indexes, made at the end: that is faster, and what they are is the same. */
export async function storeKeys(url: string, { count, from }: StoredKeys): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`alter system set max_wal_size = '16GB'`);
  await client.query('select pg_reload_conf()');
  const { rows: indexes } = await client.query<{ name: string; text: string }>(
    `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as text
       from pg_index i where i.indrelid = 'exposures'::regclass and not i.indisprimary`,
  );
  await client.query('begin');
  await client.query(`set local maintenance_work_mem = '512MB'; alter table exposures drop constraint exposures_pkey`);
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  await client.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
       days_since_onset, traveler, regions)
     select uuid_send(gen_random_uuid()), $1::timestamptz + interval '1 hour' * (n % 4),
            floor(extract(epoch from $1::timestamptz) / 86400) * 144 - 144 * (n % 12), 144, 2, 1, n % 14, false, '{AA}'
       from generate_series(1, $2) as n`,
    [from, count],
  );
  await client.query('alter table exposures add primary key (key)');
  for (const { text } of indexes) await client.query(text);
  await client.query('commit');
  await client.query('vacuum (analyze) exposures');
  await client.query('checkpoint');
  await client.end();
}
