/** The baseline of federation, in a process of its own: the same rows from one PostgreSQL merged into another by COPY and one INSERT. */
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

const [, , sourceUrl, targetUrl] = process.argv;
const [source, target] = [sourceUrl!, targetUrl!].map((connectionString) => new pg.Client({ connectionString }));
await Promise.all([source!.connect(), target!.connect()]);
const columns = `key, created_at, interval_start, interval_count, transmission_risk, report_type, days_since_onset, traveler,
  regions`;
await target!.query(`create temporary table staging as select ${columns} from exposures with no data`);
// What a careful operator would give this one statement.
await target!.query(`set work_mem = '256MB'`);
const begin = performance.now();
await pipeline(
  source!.query(copyTo(`copy (select ${columns} from exposures) to stdout (format binary)`)),
  target!.query(copyFrom(`copy staging (${columns}) from stdin (format binary)`)),
);
const { rowCount } = await target!.query(
  `insert into exposures (${columns}) select ${columns} from staging order by key on conflict (key) do nothing`,
);
process.send!({ seconds: (performance.now() - begin) / 1000, keys: rowCount });
await Promise.all([source!.end(), target!.end()]);
process.disconnect();
