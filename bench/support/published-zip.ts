/** Real published files of chosen sizes: planned, built and signed by the roles, read back through the gateway. */
import pg from 'pg';
import { ExportServiceDefinition } from '../../src/gen/enmesh/export/v1/export.ts';
import { createGrpcClient } from '../../src/platform/grpc/client.ts';
import type { Installation } from './installation.ts';

/** A file that the gateway serves. */
export interface PublishedZip {
  /** Below `/exports/`. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Publishes one file with at least so many keys for each of `counts`, which must go up; roles and gateway must be running. */
export async function publishZips(installation: Installation, counts: readonly number[]): Promise<PublishedZip[]> {
  const { client, close } = createGrpcClient(
    ExportServiceDefinition,
    installation.exportTarget,
    {},
    { timeoutMs: 120_000 },
  );
  try {
    await Array.fromAsync(client.run({ name: '' }));
    const { batches } = await client.listBatches({ name: '', limit: 1 });
    const [batch] = batches;
    if (!batch?.start) throw new Error('no batch was planned');
    const zips: PublishedZip[] = [];
    let present = 0;
    for (const count of counts) {
      await insertKeys(installation.databaseUrl, batch.start, count - present);
      present = count;
      const { batch: built } = await client.reprocess({ batchId: batch.id });
      const name = built?.files[0]?.name;
      if (name === undefined) throw new Error(`nothing was built: ${built?.lastError ?? ''}`);
      const answer = await fetch(`${installation.gatewayUrl}/exports/${name}`);
      zips.push({ name, bytes: Buffer.from(await answer.arrayBuffer()) });
    }
    return zips;
  } finally {
    close();
  }
}

async function insertKeys(url: string, createdAt: Date, count: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
         days_since_onset, traveler, regions)
       select uuid_send(gen_random_uuid()), $1, 2900000 + 144 * (n % 14), 144, 2, 1, n % 14, false, '{AA}'
         from generate_series(1, $2) as n`,
      [createdAt, count],
    );
  } finally {
    await client.end();
  }
}
