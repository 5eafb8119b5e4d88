/** The baseline of an export, in a process of its own: the same rows by an ordered binary COPY, thrown away. */
import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';

const [, , url, start, end] = process.argv;
const client = new pg.Client({ connectionString: url! });
await client.connect();
// The memory that the export has, and its plan: a sort. Left alone, the planner walks through the index of keys, which
// takes several times as long as soon as the table is larger than PostgreSQL's buffers.
await client.query(`set work_mem = '64MB'; set enable_indexscan = off`);
const begin = performance.now();
const rows = client.query(
  copyTo(`copy (select key, interval_start, interval_count, transmission_risk, report_type, days_since_onset
                  from exposures
                 where created_at >= '${start!}' and created_at < '${end!}' and regions && array['AA']
                 order by key)
            to stdout (format binary)`),
);
const nowhere = new Writable({
  write: (_chunk, _encoding, done) => {
    done();
  },
});
await pipeline(rows, nowhere);
process.send!({ seconds: (performance.now() - begin) / 1000 });
await client.end();
process.disconnect();
