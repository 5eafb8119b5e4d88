/** The baseline of an export, in a process of its own: the same rows by an ordered binary COPY, thrown away. */
import { once } from 'node:events';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';

const [, , url, start, end] = process.argv;
const client = new pg.Client({ connectionString: url! });
await client.connect();
const begin = performance.now();
const stream = client.query(
  copyTo(`copy (select key, interval_start, interval_count, transmission_risk, report_type, days_since_onset
                  from exposures where created_at >= '${start!}' and created_at < '${end!}' order by key)
            to stdout (format binary)`),
);
stream.resume();
await once(stream, 'end');
process.send!({ seconds: (performance.now() - begin) / 1000 });
await client.end();
process.disconnect();
