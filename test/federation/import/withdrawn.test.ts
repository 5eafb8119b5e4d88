/** Withdrawn keys in other authorities' files: they are passed over for good, and nothing of them is kept. */
import { describe, expect, it } from 'vitest';
import { retryImports } from '../../../src/federation/import/replay.ts';
import { withdraw } from '../../../src/server/operations/withdraw.ts';
import { sampleRow, sampleZip } from '../../support/export-file.ts';
import { countTombstones, withdrawalOf, withdrawDeps } from '../../support/withdrawal.ts';
import { openImporter, startUpstream, storedKeys, type Importer } from './upstream.ts';

const never = new AbortController().signal;

async function withdrawImport(importer: Importer, name: string): Promise<void> {
  await withdraw(withdrawDeps(importer.deps), withdrawalOf({ scope: 'import', name }), never);
}

const rows = [1, 2, 3].map((number) => sampleRow(number, { reportType: 2 }));
const revisedRows = [sampleRow(1, { reportType: 5 })];

describe('an import', () => {
  it('passes over keys that were withdrawn before they were published, their revisions too', async () => {
    await using upstream = await startUpstream();
    await using importer = await openImporter();
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': await sampleZip({ rows, signers: [importer.signer] }) });
    await importer.run();
    await withdrawImport(importer, 'cc');
    expect(await storedKeys(importer)).toEqual([]);
    const again = { rows: [...rows, sampleRow(4)], revisedRows, signers: [importer.signer] };
    upstream.publish({ '2.zip': await sampleZip(again) });
    await importer.run();
    expect((await storedKeys(importer)).map(({ key }) => key)).toEqual([sampleRow(4).key]);
    expect(await importer.state()).toMatchObject({ insertedKeys: 4, revisedKeys: 0, quarantine: {} });
    expect(await countTombstones(importer.deps.database)).toBe(3);
  });

  it('revises no key that was withdrawn after it was published', async () => {
    await using upstream = await startUpstream();
    await using importer = await openImporter();
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': await sampleZip({ rows, signers: [importer.signer] }) });
    await importer.run();
    importer.clock.advance(3_600_000);
    await withdrawImport(importer, 'cc');
    upstream.publish({ '2.zip': await sampleZip({ rows, revisedRows, signers: [importer.signer] }) });
    await importer.run();
    expect(await storedKeys(importer)).toMatchObject(rows.map(({ key }) => ({ key, revised_at: null })));
    expect(await importer.state()).toMatchObject({ insertedKeys: 3, revisedKeys: 0, quarantine: {} });
  });

  it('lets keys out of the quarantine that were withdrawn meanwhile, without storing them', async () => {
    await using upstream = await startUpstream();
    await using importer = await openImporter();
    const { database } = importer.deps;
    await importer.add(upstream.url);
    upstream.publish({ '1.zip': await sampleZip({ rows: [], revisedRows, signers: [importer.signer] }) });
    await importer.run();
    expect((await importer.state()).quarantine).toEqual({ unknown_key: 1 });
    await database.query(`insert into tombstones select tombstone_hash(secret, $1), 'infinity' from tombstone_secret`, [
      sampleRow(1).key,
    ]);
    expect(await retryImports(importer.deps, 'cc', never)).toEqual({ files: 0, keys: 1 });
    expect([(await importer.state()).quarantine, await storedKeys(importer)]).toEqual([{}, []]);
  });
});
