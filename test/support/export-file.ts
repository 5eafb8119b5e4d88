/** Export files for tests: rows in, a signed zip out. */
import { createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExportHeader } from '../../src/domain/export-file/format.ts';
import { createKeyBlock, NO_ONSET, type KeyBlock } from '../../src/domain/export-file/key-block.ts';
import { writeExportFile, type Signer } from '../../src/export/file/write.ts';
import { signDigest } from '../../src/platform/key-manager/sign-digest.ts';

/** One key as a test writes it. */
export interface Row {
  /** 16 bytes. */
  readonly key: Buffer;
  readonly start: number;
  readonly period: number;
  readonly risk: number;
  readonly reportType: number;
  readonly onset: number | null;
}

/** 2020-05-20T00:00:00Z to 04:00. */
export const sampleHeader: ExportHeader = {
  startTimestamp: new Date('2020-05-20T00:00:00Z'),
  endTimestamp: new Date('2020-05-20T04:00:00Z'),
  region: 'AA',
};

/** A row with the key `number`, so that rows sort as their numbers do. */
export function sampleRow(number: number, change: Partial<Row> = {}): Row {
  const key = Buffer.from(hash('sha256', String(number), 'buffer').subarray(0, 16));
  key.writeUInt32BE(number);
  return { key, start: 2_649_456, period: 144, risk: 2, reportType: 1, onset: 3, ...change };
}

/** A block that holds exactly these rows. */
export function blockOf(rows: readonly Row[]): KeyBlock {
  const block = createKeyBlock(rows.length);
  for (const [index, row] of rows.entries()) {
    row.key.copy(block.keys, index * row.key.length);
    block.start[index] = row.start;
    block.period[index] = row.period;
    block.risk[index] = row.risk;
    block.reportType[index] = row.reportType;
    block.onset[index] = row.onset ?? NO_ONSET;
  }
  block.count = rows.length;
  return block;
}

/** Rows as a storage would hand them over: in blocks of `size` rows. */
export async function* blocksOf(rows: readonly Row[], size = 1000): AsyncGenerator<KeyBlock> {
  for (let from = 0; from < rows.length; from += size) {
    yield await Promise.resolve(blockOf(rows.slice(from, from + size)));
  }
}

/** A signer with a fresh P-256 key, and the public key that verifies it. */
export interface SampleSigner extends Signer {
  readonly publicKey: KeyObject;
  readonly publicKeyPem: string;
}

/** Signs digests, as a key manager does. */
export function sampleSigner(keyId = '310', keyVersion = 'v1'): SampleSigner {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicKey = createPublicKey(privateKey);
  return {
    info: { keyId, keyVersion },
    publicKey,
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
    sign: ({ sha256 }) => Promise.resolve(signDigest(privateKey, sha256)),
  };
}

/** The signer's signature over these bytes, whatever they are. */
export async function signBytes(signer: SampleSigner, bytes: Buffer): Promise<Uint8Array> {
  return await signer.sign({ sha256: hash('sha256', bytes, 'buffer'), isSignedBy: () => true });
}

/** What goes into a sample file; what is left out is ordinary. */
export interface SampleFile {
  readonly header?: Partial<ExportHeader>;
  readonly rows?: readonly Row[];
  readonly revisedRows?: readonly Row[];
  readonly signers: readonly Signer[];
}

/** The bytes of a signed zip with these rows, which must be sorted. */
export async function sampleZip(file: SampleFile): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const spoolPath = join(folder.path, 'spool.zip');
  await writeExportFile({
    header: { ...sampleHeader, ...file.header },
    keys: blocksOf(file.rows ?? [sampleRow(1), sampleRow(2)]),
    revisedKeys: blocksOf(file.revisedRows ?? []),
    signers: file.signers,
    spoolPath,
  });
  return await readFile(spoolPath);
}

/** A folder of its own, removed at the end. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'enmesh-test-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
