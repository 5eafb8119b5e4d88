/** Building: what is published, in how many files, by whom, and what happens when it cannot be. */
import { createPublicKey, verify } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { buildBatch } from '../../../src/export/batch/build.ts';
import { planBatches } from '../../../src/export/batch/plan.ts';
import { reprocessBatch } from '../../../src/export/batch/reprocess.ts';
import { dueBatches, leaseBatch, readBatch, renewLease } from '../../../src/storage/exports/batches.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  NOW,
  openExportRole,
  readBlob,
  readIndexLines,
  readPublishedFiles,
  runAll,
  WINDOW_START,
  type ExportRole,
} from '../../support/export-role.ts';

const options = { signal: new AbortController().signal, ignoreBackOff: false };

async function planOne(role: ExportRole): Promise<string> {
  await planBatches(role.deps);
  const [id] = await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: false });
  return id!;
}

describe('a built batch', () => {
  it('is a signed file with its times, its region and all its keys, listed in the index', async () => {
    await using role = await openExportRole();
    await insertExport(role, { outputRegion: 'ZZ', inputRegions: ['AA'] });
    const keys = await insertKeys(role.deps.database);
    const [batch] = await runAll(role);
    expect(batch).toMatchObject({ status: 'complete', attempts: 1, lastError: null });
    expect(await readIndexLines(role)).toEqual(['aa/1607590800-1607594400-00001.zip']);
    const [file] = await readPublishedFiles(role);
    expect(file!.content).toMatchObject({
      startTimestamp: 1607590800n,
      endTimestamp: 1607594400n,
      region: 'ZZ',
      batchNum: 1,
      batchSize: 1,
      signatureInfos: [{ keyId: '310', keyVersion: 'v1', algorithm: '1.2.840.10045.4.3.2' }],
      oddities: [],
    });
    expect(keysIn([file!])).toEqual(keys);
    const [version] = await role.deps.keyManager.signingKeyVersions('export-main');
    const publicKey = createPublicKey(version!.publicKeyPem);
    expect(verify('sha256', file!.bin, publicKey, file!.signatures.signatures[0]!.signature)).toBe(true);
    expect(await readdir(role.deps.settings.spoolDir)).toEqual([]);
  });

  it('without keys is complete without a file', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const [batch] = await runAll(role);
    expect(batch).toMatchObject({ status: 'complete', lastError: null });
    expect(await readIndexLines(role)).toEqual([]);
  });

  it('that is too large for one file has each key in exactly one of several, with names and ends of their own', async () => {
    await using role = await openExportRole();
    await insertExport(role, { maxRecords: 40 });
    const keys = await insertKeys(role.deps.database, { count: 90 });
    const createdAt = new Date('2020-12-09T00:00:00Z');
    const revised = await insertKeys(role.deps.database, { count: 30, createdAt, revisedAt: WINDOW_START });
    await runAll(role);
    const files = await readPublishedFiles(role);
    expect(await readIndexLines(role)).toEqual([
      'aa/1607590800-1607594400-00001.zip',
      'aa/1607590800-1607594400-00002.zip',
      'aa/1607590800-1607594400-00003.zip',
    ]);
    expect(files.map(({ content }) => Number(content.endTimestamp) - 1607594400)).toEqual([0, 1, 2]);
    expect(files.map(({ content }) => content.keys.length + content.revisedKeys.length)).toEqual([40, 40, 40]);
    expect(keysIn(files)).toEqual(keys);
    expect(keysIn(files, 'revisedKeys')).toEqual(revised);
  });

  it('with as many keys as one file holds is one file', async () => {
    await using role = await openExportRole();
    await insertExport(role, { maxRecords: 40 });
    await insertKeys(role.deps.database, { count: 40 });
    await runAll(role);
    expect(await readPublishedFiles(role)).toHaveLength(1);
  });
});

describe('a batch without an active signer', () => {
  it('fails loudly, publishes nothing, and is built when there is one', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database);
    await role.deps.database.query('update signing_key_versions set valid_thru = $1', [NOW]);
    const [failed] = await runAll(role);
    expect(failed).toMatchObject({ status: 'open', attempts: 1 });
    expect(failed!.lastError).toMatch(/^no_active_signer: export aa has no active signing key/);
    expect(await readBlob(role, 'aa/1607590800-1607594400-00001.zip')).toBeNull();
    await role.deps.database.query('update signing_key_versions set valid_thru = $1', [new Date(NOW.getTime() + 1)]);
    const [built] = await runAll(role);
    expect(built).toMatchObject({ status: 'complete', lastError: null });
    expect(await readPublishedFiles(role)).toHaveLength(1);
  });

  it('does not hold up other exports', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: [] });
    await insertExport(role, { name: 'bb' });
    await insertKeys(role.deps.database);
    await runAll(role);
    expect(await readPublishedFiles(role, 'bb')).toHaveLength(1);
  });
});

describe('a lease', () => {
  it('is given to exactly one of many workers', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database);
    const id = await planOne(role);
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => buildBatch(role.deps, id, options)));
    expect(outcomes.toSorted()).toEqual(['built', ...Array<string>(7).fill('taken')]);
    expect(await readBatch(role.deps.database, id)).toMatchObject({ status: 'complete', attempts: 1 });
  });

  it('is kept until it ends and taken by another worker then', async () => {
    await using role = await openExportRole({ leaseSeconds: 60 });
    await insertExport(role);
    const id = await planOne(role);
    const terms = { clock: role.clock, leaseSeconds: 60, ignoreBackOff: false };
    const dead = { batchId: id, owner: '00000000-0000-4000-8000-000000000001' };
    expect(await leaseBatch(role.deps.database, dead, terms)).not.toBeNull();
    role.clock.advance(60_000);
    expect(await buildBatch(role.deps, id, options)).toBe('taken');
    role.clock.advance(1);
    expect(await buildBatch(role.deps, id, options)).toBe('built');
    expect(await renewLease(role.deps.database, dead, terms)).toBe(false);
  });

  it('lasts longer when it is renewed', async () => {
    await using role = await openExportRole({ leaseSeconds: 60 });
    await insertExport(role);
    const id = await planOne(role);
    const terms = { clock: role.clock, leaseSeconds: 60, ignoreBackOff: false };
    const holder = { batchId: id, owner: '00000000-0000-4000-8000-000000000001' };
    await leaseBatch(role.deps.database, holder, terms);
    role.clock.advance(50_000);
    expect(await renewLease(role.deps.database, holder, terms)).toBe(true);
    role.clock.advance(50_000);
    expect(await buildBatch(role.deps, id, options)).toBe('taken');
  });

  it('is not given for an export on hold', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const id = await planOne(role);
    await role.deps.database.query('update exports set held_at = $1', [NOW]);
    expect(await dueBatches(role.deps.database, { clock: role.clock, ignoreBackOff: true })).toEqual([]);
    expect(await buildBatch(role.deps, id, { ...options, ignoreBackOff: true })).toBe('taken');
  });

  it('is given back at once when a batch fails, to be taken after a pause', async () => {
    await using role = await openExportRole();
    await insertExport(role, { signingKeys: [] });
    await insertKeys(role.deps.database);
    const id = await planOne(role);
    expect(await buildBatch(role.deps, id, options)).toBe('failed');
    role.clock.advance(4_999);
    expect(await buildBatch(role.deps, id, options)).toBe('taken');
    role.clock.advance(1);
    expect(await buildBatch(role.deps, id, options)).toBe('failed');
    expect(await readBatch(role.deps.database, id)).toMatchObject({ attempts: 2 });
    role.clock.advance(9_999);
    expect(await buildBatch(role.deps, id, options)).toBe('taken');
    expect(await buildBatch(role.deps, id, { ...options, ignoreBackOff: true })).toBe('failed');
  });
});

describe('reprocessing', () => {
  it('publishes under new names; the old ones leave the index in the same write', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const keys = await insertKeys(role.deps.database);
    const [batch] = await runAll(role);
    const again = await reprocessBatch(role.deps, batch!.id, { signal: options.signal, actor: 'test' });
    expect(again).toMatchObject({ status: 'complete', revision: 1 });
    expect(await readIndexLines(role)).toEqual(['aa/1607590801-1607594401-00001.zip']);
    const files = await readPublishedFiles(role);
    expect(keysIn(files)).toEqual(keys);
    expect(files[0]!.content.startTimestamp).toBe(1607590800n);
    expect(await readBlob(role, 'aa/1607590800-1607594400-00001.zip')).not.toBeNull();
  });

  it('keeps the old files listed when it fails', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    await insertKeys(role.deps.database);
    const [batch] = await runAll(role);
    await role.deps.database.query('update signing_key_versions set valid_thru = $1', [NOW]);
    expect(await reprocessBatch(role.deps, batch!.id, { signal: options.signal, actor: 'test' })).toMatchObject({
      status: 'open',
      attempts: 1,
    });
    expect(await readIndexLines(role)).toEqual(['aa/1607590800-1607594400-00001.zip']);
  });

  it('is refused for a batch that is not there, in hand or too old', async () => {
    await using role = await openExportRole();
    await insertExport(role);
    const id = await planOne(role);
    await expect(reprocessBatch(role.deps, '999', { signal: options.signal, actor: 'test' })).rejects.toMatchObject({
      code: 'batch_not_found',
    });
    const holder = { batchId: id, owner: '00000000-0000-4000-8000-000000000001' };
    await leaseBatch(role.deps.database, holder, { clock: role.clock, leaseSeconds: 1e7, ignoreBackOff: true });
    await expect(reprocessBatch(role.deps, id, { signal: options.signal, actor: 'test' })).rejects.toMatchObject({
      code: 'batch_in_progress',
    });
    role.clock.set(new Date(WINDOW_START.getTime() + 14 * 86_400_000));
    await expect(reprocessBatch(role.deps, id, { signal: options.signal, actor: 'test' })).rejects.toMatchObject({
      code: 'batch_too_old',
    });
  });

  it('takes the next free name when windows of seconds run into each other', async () => {
    await using role = await openExportRole();
    await role.deps.database.query('update window_state set truncate_seconds = 1');
    role.clock.set(new Date('2020-12-10T10:00:00.500Z'));
    await insertExport(role, { periodSeconds: 1 });
    await insertKeys(role.deps.database, { count: 3, createdAt: new Date('2020-12-10T09:59:59Z') });
    await insertKeys(role.deps.database, { count: 3, createdAt: new Date('2020-12-10T10:00:00Z') });
    const [first] = await runAll(role);
    role.clock.advance(1000);
    await runAll(role);
    expect(await reprocessBatch(role.deps, first!.id, { signal: options.signal, actor: 'test' })).toMatchObject({
      status: 'complete',
      revision: 2,
    });
    expect(await readIndexLines(role)).toEqual([
      'aa/1607594400-1607594401-00001.zip',
      'aa/1607594401-1607594402-00001.zip',
    ]);
  });
});
