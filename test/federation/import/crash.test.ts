/** Whatever stops a worker, wherever: another one ends its work, and no key is lost or counted twice. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';
import { importFile } from '../../../src/federation/import/import-file.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { closeWindows } from '../../../src/storage/windows.ts';
import { dueFiles } from '../../../src/storage/imports/import-files.ts';
import { importSources } from '../../../src/storage/imports/imports.ts';
import { sampleRow, sampleZip } from '../../support/export-file.ts';
import type { Doom } from './doomed-import.ts';
import { NOW, openImporter, startUpstream, storedKeys, type Importer } from './upstream.ts';

/** Three parts of keys and one of revisions. */
const count = 5_000;
const rows = Array.from({ length: count }, (_, index) => sampleRow(index, { reportType: 2 }));
const revisedRows = rows.slice(0, 10).map((row) => ({ ...row, reportType: 5 }));

async function openLarge(settings = {}) {
  const importer = await openImporter(settings);
  const upstream = await startUpstream();
  await importer.add(upstream.url);
  upstream.publish({ '1.zip': await sampleZip({ rows, revisedRows, signers: [importer.signer] }) });
  return {
    importer,
    upstream,
    [Symbol.asyncDispose]: async () => {
      await upstream[Symbol.asyncDispose]();
      await importer[Symbol.asyncDispose]();
    },
  };
}

async function expectAll(importer: Importer): Promise<void> {
  expect(await storedKeys(importer)).toHaveLength(count);
  expect(await importer.state()).toMatchObject({
    importedFiles: 1,
    insertedKeys: count,
    revisedKeys: revisedRows.length,
    quarantine: {},
    problems: [],
  });
}

/** Keys from this one on wait in their transaction until the test lets go of the lock. */
async function holdFrom({ deps }: Importer, row: number): Promise<void> {
  await deps.database.query(`
    create function hold() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(42);
      return new;
    end $$`);
  const key = `'\\x${sampleRow(row).key.toString('hex')}'::bytea`;
  await deps.database.query(
    `create trigger hold before insert on exposures for each row when (new.key >= ${key}) execute function hold()`,
  );
}

/** Whoever closes windows waits for those who write in them. */
async function closingWaits({ deps }: Importer): Promise<void> {
  for (;;) {
    const { rows: waiting } = await deps.database.query(
      `select from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and not granted`,
    );
    if (waiting.length > 0) return;
  }
}

async function waitsForLock({ deps }: Importer): Promise<void> {
  for (;;) {
    const { rows: waiting } = await deps.database.query(
      `select from pg_locks where locktype = 'advisory' and objid = 42 and not granted`,
    );
    if (waiting.length > 0) return;
  }
}

describe('a process that is killed between two parts of a file', () => {
  it('leaves a file that another one ends when its lease is over', { timeout: 60_000 }, async () => {
    await using fixture = await openLarge();
    const { importer } = fixture;
    await holdFrom(importer, 3_000);
    await importer.deps.database.withClient(async (client) => {
      await client.query('select pg_advisory_lock(42)');
      const script = join(import.meta.dirname, 'doomed-import.ts');
      const doom: Doom = { url: importer.databaseUrl, now: NOW.toISOString() };
      const child = spawn(execPath, [script, JSON.stringify(doom)], { stdio: 'inherit' });
      await waitsForLock(importer);
      child.kill('SIGKILL');
      expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
      await client.query('select pg_advisory_unlock(42)');
    });
    await importer.deps.database.query('drop trigger hold on exposures');
    expect(await importer.state()).toMatchObject({ waitingFiles: 1, insertedKeys: 2_000 });
    await importer.tick();
    expect(await importer.state()).toMatchObject({ waitingFiles: 1, insertedKeys: 2_000 });
    importer.clock.advance(61_000);
    await importer.tick();
    await expectAll(importer);
  });
});

describe('Export decision 11: a window', () => {
  it('is not closed while an import writes into it, so that no reader misses its keys', async () => {
    await using fixture = await openLarge();
    const { importer } = fixture;
    const { database, clock } = importer.deps;
    await holdFrom(importer, 1_000);
    const later = new ManualClock(new Date(NOW.getTime() + 3_600_000));
    await database.withClient(async (client) => {
      await client.query('select pg_advisory_lock(42)');
      const running = importer.tick();
      await waitsForLock(importer);
      const closing = closeWindows(database, later).then(async (through) => {
        const { rows: written } = await database.query('select from exposures where created_at < $1', [through]);
        return { through, written: written.length };
      });
      await closingWaits(importer);
      await client.query('select pg_advisory_unlock(42)');
      const closed = await closing;
      expect(closed.through).toEqual(new Date('2020-05-20T11:00:00Z'));
      expect(closed.written).toBeGreaterThanOrEqual(2_000);
      await running;
      // What came after the window was closed went into the next one.
      const { rows: after } = await database.query('select from exposures where created_at >= $1', [closed.through]);
      expect(closed.written + after.length).toBe(count);
    });
    expect(clock.now()).toEqual(NOW);
    await expectAll(importer);
  });
});

describe('two workers', () => {
  it('on one file: one has it, the other waits for it, and its keys are stored once', async () => {
    await using fixture = await openLarge();
    const { importer, upstream } = fixture;
    await Promise.all([importer.run(), importer.run(), importer.run()]);
    expect(upstream.asked.filter((path) => path === '1.zip')).toHaveLength(1);
    await expectAll(importer);
  });

  it('of which one lost its lease store nothing twice, and the loser stores nothing any more', async () => {
    await using fixture = await openLarge();
    const { importer } = fixture;
    const { database, clock } = importer.deps;
    await holdFrom(importer, 3_000);
    await database.withClient(async (client) => {
      await client.query('select pg_advisory_lock(42)');
      const running = importer.tick();
      await waitsForLock(importer);
      await database.query(`update import_files set lease_owner = '00000000-0000-4000-8000-000000000001'`);
      await client.query('select pg_advisory_unlock(42)');
      await running;
    });
    expect(await importer.state()).toMatchObject({ waitingFiles: 1, insertedKeys: 2_000 });
    expect(await storedKeys(importer)).toHaveLength(2_000);
    await database.query(`update import_files set status = 'open', lease_owner = null`);
    const [source] = await importSources(database, {});
    const [fileId] = await dueFiles(database, source!.id, { clock, ignoreBackOff: true, withHeld: false });
    const { signal } = new AbortController();
    expect(await importFile(importer.deps, { source: source!, fileId: fileId!, ignoreBackOff: true, signal })).toBe(
      'imported',
    );
    await expectAll(importer);
  });
});

describe('a worker that is asked to stop', () => {
  it('gives its file back at once, without a try counted', async () => {
    await using fixture = await openLarge();
    const { importer, upstream } = fixture;
    const { database, clock } = importer.deps;
    await importer.run();
    await database.query(`update import_files set status = 'open', attempts = 0`);
    const stop = new AbortController();
    upstream.answers.set('1.zip', () => stop.abort(new Error('stopping')));
    const [source] = await importSources(database, {});
    const [fileId] = await dueFiles(database, source!.id, { clock, ignoreBackOff: true, withHeld: false });
    const options = { source: source!, fileId: fileId!, ignoreBackOff: true, signal: stop.signal };
    await expect(importFile(importer.deps, options)).rejects.toThrow('stopping');
    const { rows: files } = await database.query('select status, attempts, last_error from import_files');
    expect(files).toEqual([{ status: 'open', attempts: 0, last_error: null }]);
  });
});
