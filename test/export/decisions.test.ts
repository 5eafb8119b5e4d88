/** Numbered decisions about exporting: that each has a test, and the one that is about no single rule. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { dueBatches, readBatch } from '../../src/storage/exports/batches.ts';
import { planBatches } from '../../src/export/batch/plan.ts';
import { windowKeys } from '../../src/storage/exports/key-stream.ts';
import { insertExport, insertKeys, openExportRole } from '../support/export-role.ts';

describe('Export decision 4: keys on their way from the database to a file', () => {
  const count = 100_000;
  /** Of a row of COPY binary at least: its key, and a length for each column. */
  const rowBytes = 50;
  /** What a socket and the streams behind it hold. */
  const mostBytes = 1024 * 1024;

  it('are read no faster than they are taken, however many there are', async () => {
    await using role = await openExportRole();
    const { database } = role.deps;
    await insertExport(role);
    await insertKeys(database, { count });
    await planBatches(role.deps);
    const [id] = await dueBatches(database, { clock: role.clock, ignoreBackOff: false });
    const batch = (await readBatch(database, id!))!;
    await database.withClient(async (client) => {
      const { stream: socket } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
      const before = socket.bytesRead;
      const keys = windowKeys(client, batch, { list: 'keys', range: { after: null, through: null } });
      const first = await keys.next();
      let taken = first.done === true ? 0 : first.value.count;
      // What is in flight arrives meanwhile.
      for (let turn = 0; turn < 50; turn++) await database.query('select 1');
      expect(taken).toBeGreaterThan(0);
      expect(socket.bytesRead - before).toBeLessThan(mostBytes);
      for await (const block of keys) taken += block.count;
      expect(taken).toBe(count);
      expect(socket.bytesRead - before).toBeGreaterThan(count * rowBytes);
    });
  });
});

describe('every numbered decision about exporting', () => {
  it('has a test that is named after it', () => {
    const root = new URL('../', import.meta.url);
    const named = new Set<number>();
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.test.ts')) continue;
      const text = readFileSync(new URL(file, root), 'utf8');
      for (const [, number] of text.matchAll(/['"`]Export decision (\d+): /g)) named.add(Number(number));
    }
    const all = Array.from({ length: 13 }, (_, index) => index + 1);
    expect(all.filter((number) => !named.has(number))).toEqual([]);
  });
});
