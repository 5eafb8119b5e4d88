/** Writing a signed zip: content, determinism, refusals, and that nothing is left behind. */
import { execFileSync } from 'node:child_process';
import { hash, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeyBlock } from '../../../src/domain/export-file/key-block.ts';
import { readExportFile } from '../../../src/cli/export-file/read.ts';
import { writeExportFile, type ExportFileInput } from '../../../src/export/file/write.ts';
import {
  blockOf,
  blocksOf,
  sampleHeader,
  sampleRow,
  sampleSigner,
  sampleZip,
  temporaryFolder,
} from '../../support/export-file.ts';

const signer = sampleSigner();

/** A full input with changes; two keys, no revised ones. */
function input(spoolPath: string, change: Partial<ExportFileInput> = {}): ExportFileInput {
  return {
    header: sampleHeader,
    keys: blocksOf([sampleRow(1), sampleRow(2)]),
    revisedKeys: blocksOf([]),
    signers: [signer],
    spoolPath,
    ...change,
  };
}

describe('an export file', () => {
  it('holds what went in, signed over the whole export.bin by every signer in order', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    const older = sampleSigner('310', 'v0');
    const rows = Array.from({ length: 50_000 }, (_, number) => sampleRow(number));
    const revised = [sampleRow(7, { reportType: 5, onset: null })];
    const written = await writeExportFile(
      input(spoolPath, { keys: blocksOf(rows), revisedKeys: blocksOf(revised), signers: [signer, older] }),
    );

    const zip = readFileSync(spoolPath);
    const read = await readExportFile(zip);
    expect(written).toEqual({
      sha256: hash('sha256', read.bin, 'buffer'),
      size: zip.length,
      keys: 50_000,
      revisedKeys: 1,
    });
    expect(read.entryNames).toEqual(['export.bin', 'export.sig']);
    expect(read.content.oddities).toEqual([]);
    expect(read.content.keys.map(({ key }) => key.toString('hex'))).toEqual(rows.map(({ key }) => key.toString('hex')));
    expect(read.content.revisedKeys).toMatchObject([{ reportType: 5, daysSinceOnset: null }]);
    expect(read.content.signatureInfos.map(({ keyVersion }) => keyVersion)).toEqual(['v1', 'v0']);
    const [first, second] = read.signatures.signatures;
    expect(verify('sha256', read.bin, signer.publicKey, first!.signature)).toBe(true);
    expect(verify('sha256', read.bin, older.publicKey, second!.signature)).toBe(true);
  });

  it('may hold no keys', async () => {
    const read = await readExportFile(await sampleZip({ rows: [], signers: [signer] }));
    expect(read.content.keys).toEqual([]);
  });

  it('is the same bytes however its rows are cut into blocks', async () => {
    await using folder = await temporaryFolder();
    const rows = Array.from({ length: 100 }, (_, number) => sampleRow(number));
    const hashes = [];
    for (const size of [1, 7, 100]) {
      const spoolPath = join(folder.path, `${String(size)}.zip`);
      hashes.push((await writeExportFile(input(spoolPath, { keys: blocksOf(rows, size) }))).sha256.toString('hex'));
    }
    expect(new Set(hashes).size).toBe(1);
  });

  it('may be given the same block again and again, filled anew', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    async function* reused(): AsyncGenerator<KeyBlock> {
      const block = blockOf([sampleRow(0)]);
      for (let number = 0; number < 70_000; number++) {
        block.keys.writeUInt32BE(number);
        yield await Promise.resolve(block);
      }
    }
    await writeExportFile(input(spoolPath, { keys: reused() }));
    const { content } = await readExportFile(readFileSync(spoolPath));
    expect(content.keys.every(({ key }, index) => key.readUInt32BE() === index)).toBe(true);
  });
});

describe('the zip', () => {
  it('has the records of the deployed server, byte for byte but for sizes and content', async () => {
    const theirs = readFileSync(
      join(import.meta.dirname, '../../vectors/google-example/testExport-2-records-1-of-1.zip'),
    );
    const ours = await sampleZip({ signers: [signer] });
    expect(shape(ours)).toEqual(shape(theirs));
  });

  it('is the same bytes for the same input and signatures, in every time zone', () => {
    const script = join(import.meta.dirname, 'write-fixed-file.ts');
    const inZone = (zone: string): string =>
      execFileSync(process.execPath, [script], { env: { ...process.env, TZ: zone }, encoding: 'utf8' });
    const [zone, bytes] = inZone('Asia/Tokyo').split(' ');
    expect(zone).toBe('-540');
    expect(bytes).toHaveLength(64);
    expect(inZone('UTC')).toBe(`0 ${bytes!}`);
    expect(inZone('America/St_Johns').split(' ')[1]).toBe(bytes);
  });
});

describe('a file that cannot be', () => {
  it('is refused without a signer, and nothing is written', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    await expect(writeExportFile(input(spoolPath, { signers: [] }))).rejects.toMatchObject({
      kind: 'precondition',
      code: 'no_active_signer',
    });
    expect(existsSync(spoolPath)).toBe(false);
  });

  it.each([
    ['out of order', [sampleRow(2), sampleRow(1)]],
    ['repeated', [sampleRow(1), sampleRow(1)]],
  ])('is refused when keys are %s, in either list', async (_, rows) => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    for (const list of ['keys', 'revisedKeys'] as const) {
      await expect(writeExportFile(input(spoolPath, { [list]: blocksOf(rows) }))).rejects.toMatchObject({
        code: 'export_keys_unsorted',
      });
      expect(existsSync(spoolPath)).toBe(false);
    }
  });

  it('leaves no spool file when a signer fails, and tells its error', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    const failing = { info: signer.info, sign: () => Promise.reject(new Error('no such key')) };
    await expect(writeExportFile(input(spoolPath, { signers: [signer, failing] }))).rejects.toThrow('no such key');
    expect(existsSync(spoolPath)).toBe(false);
  });

  it('leaves no spool file when the keys fail, and tells their error', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    async function* failing(): AsyncGenerator<KeyBlock> {
      yield blockOf([sampleRow(1)]);
      await Promise.reject(new Error('connection lost'));
    }
    await expect(writeExportFile(input(spoolPath, { keys: failing() }))).rejects.toThrow('connection lost');
    expect(existsSync(spoolPath)).toBe(false);
  });

  it('is unavailable, not a crash, where the spool folder does not exist', async () => {
    await using folder = await temporaryFolder();
    await expect(writeExportFile(input(join(folder.path, 'none', 'file.zip')))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'spool_unavailable',
    });
  });
});

describe('an aborted write', () => {
  it('never starts when it was aborted before', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    const signal = AbortSignal.abort(new Error('lease lost'));
    await expect(writeExportFile(input(spoolPath, { signal }))).rejects.toThrow('lease lost');
    expect(existsSync(spoolPath)).toBe(false);
  });

  it('ends at once in the middle, closes its source and leaves no file', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    const controller = new AbortController();
    const closed = Promise.withResolvers<undefined>();
    async function* endless(): AsyncGenerator<KeyBlock> {
      try {
        const block = blockOf([sampleRow(0)]);
        for (let number = 0; ; number++) {
          if (number === 100_000) controller.abort(new Error('lease lost'));
          block.keys.writeUInt32BE(number);
          yield await Promise.resolve(block);
        }
      } finally {
        closed.resolve(undefined);
      }
    }
    await expect(writeExportFile(input(spoolPath, { keys: endless(), signal: controller.signal }))).rejects.toThrow(
      'lease lost',
    );
    await closed.promise;
    expect(existsSync(spoolPath)).toBe(false);
  });

  it('does not wait for a source that never answers', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    const controller = new AbortController();
    async function* stuck(): AsyncGenerator<KeyBlock> {
      yield blockOf([sampleRow(1)]);
      setImmediate(() => {
        controller.abort(new Error('lease lost'));
      });
      await new Promise(() => undefined);
    }
    await expect(writeExportFile(input(spoolPath, { keys: stuck(), signal: controller.signal }))).rejects.toThrow(
      'lease lost',
    );
    expect(existsSync(spoolPath)).toBe(false);
  });

  it('does not wait for a signer that never answers', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    const stop = new AbortController();
    const silent = {
      info: signer.info,
      sign: () => {
        stop.abort(new Error('stop'));
        return new Promise<Uint8Array>(() => undefined);
      },
    };
    await expect(writeExportFile(input(spoolPath, { signers: [silent], signal: stop.signal }))).rejects.toThrow('stop');
    expect(existsSync(spoolPath)).toBe(false);
  });

  it('replaces what an earlier, killed run left at its path', async () => {
    await using folder = await temporaryFolder();
    const spoolPath = join(folder.path, 'file.zip');
    await writeFile(spoolPath, Buffer.alloc(100_000, 1));
    const { size } = await writeExportFile(input(spoolPath));
    expect(readFileSync(spoolPath)).toHaveLength(size);
  });
});

/** A zip's records with checksums, sizes and offsets of data set to 0. */
function shape(zip: Buffer): string[] {
  const end = zip.subarray(-22);
  expect(end.readUInt32LE(0)).toBe(0x06054b50);
  const directory = Buffer.from(zip.subarray(end.readUInt32LE(16), -22));
  const records = [];
  for (let at = 0; at < directory.length; at += 56) {
    const offset = directory.readUInt32LE(at + 42);
    const local = zip.subarray(offset, offset + 40);
    const compressedSize = directory.readUInt32LE(at + 20);
    const descriptor = zip.subarray(offset + 40 + compressedSize, offset + 40 + compressedSize + 16);
    expect(descriptor.subarray(4)).toEqual(directory.subarray(at + 16, at + 28));
    records.push(local.toString('hex'), descriptor.subarray(0, 4).toString('hex'));
    directory.fill(0, at + 16, at + 28).fill(0, at + 42, at + 46);
  }
  const counts = Buffer.from(end).fill(0, 16, 20);
  return [...records, directory.toString('hex'), counts.toString('hex')];
}
