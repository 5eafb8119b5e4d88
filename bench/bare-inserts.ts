/** The baseline of a publish, in a process of its own: the same 14 rows by one prepared statement, nothing else, as often as asked. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import { closedLoop } from './support/closed-loop.ts';

const [, , url, concurrency = '16'] = process.argv;
const pool = new pg.Pool({ connectionString: url!, max: Number(concurrency) });
const statement = {
  name: 'bare',
  text: `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
           days_since_onset, traveler, regions, app_id, health_authority_id)
         select key, date_trunc('hour', now()), start, 144, 2, 1, 3, false, '{AA}', 1, 1
           from unnest($1::bytea[], $2::int[]) as t (key, start)`,
};
const starts = Array.from({ length: 14 }, (_, day) => 2_900_000 + day * 144);
const insert = async (): Promise<void> => {
  const keys = Array.from({ length: 14 }, () => randomBytes(16));
  await pool.query({ ...statement, values: [keys, starts] });
};
process.send!({ ready: true });
// Each message is a number of inserts to make; 0 ends.
for (;;) {
  const [count] = (await once(process, 'message')) as [number];
  if (count === 0) break;
  process.send!({ result: await closedLoop(count, Number(concurrency), insert) });
}
await pool.end();
process.disconnect();
