/** A published zip → what it holds, when one of our signing keys signed it. */
import { createHash, verify } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import {
  decodeExportBin,
  decodeExportSig,
  type DecodedExport,
  type DecodedSignatureInfo,
} from '../../domain/export-file/decode.ts';
import { EXPORT_BIN, EXPORT_SIG, largestZipBytes } from '../../domain/export-file/format.ts';
import { fileEnd } from '../../domain/export/split.ts';
import { readZip } from '../../platform/read-zip.ts';
import type { BlobName, BlobStore } from '../../storage/blob/blob-store.ts';

/** A file of ours. */
export interface OwnFile {
  readonly windowStart: Date;
  readonly windowEnd: Date;
  readonly endTimestamp: Date;
  readonly region: string;
  readonly signatureInfos: readonly DecodedSignatureInfo[];
  readonly keys: DecodedExport['keys'];
  readonly revisedKeys: DecodedExport['revisedKeys'];
  /** Of `export.bin`. */
  readonly sha256: Buffer;
  /** Bytes of the zip. */
  readonly size: number;
}

/** A key of 31 bytes takes 17 in the zip. */
const inflation = 4;
const mostSigBytes = 1024 * 1024;

/**
 * Reads and verifies it; null when it is gone. Whose key signed it counts, not the name that the signature gives it: a
 * database that was made anew may name versions otherwise.
 * @param options.number its position among the files of its batch, from 1
 * @param options.publicKeys SPKI PEM of the export's signing keys
 * @throws AppError `invalid`/`export_file_invalid` or `signature_invalid` for what is no file of ours; `unavailable`
 */
export async function readOwnFile(
  blobStore: BlobStore,
  blob: BlobName,
  { number, publicKeys }: { readonly number: number; readonly publicKeys: readonly string[] },
): Promise<OwnFile | null> {
  const zip = await readAll(blobStore, blob);
  if (zip === null) return null;
  const { contents } = await readZip(
    zip,
    new Map([
      [EXPORT_BIN, largestZipBytes * inflation],
      [EXPORT_SIG, mostSigBytes],
    ]),
  );
  const bin = contents.get(EXPORT_BIN);
  const sig = contents.get(EXPORT_SIG);
  if (bin === undefined || sig === undefined) throw invalid(`has no ${EXPORT_BIN} or no ${EXPORT_SIG}`);
  requireSignature(bin, sig, publicKeys);
  return {
    ...described(decodeExportBin(bin), number),
    sha256: createHash('sha256').update(bin).digest(),
    size: zip.length,
  };
}

async function readAll(blobStore: BlobStore, blob: BlobName): Promise<Buffer | null> {
  const read = await blobStore.read(blob);
  if (read === null) return null;
  if (read.info.size > largestZipBytes) {
    read.body.destroy();
    throw invalid('is larger than any file that is read');
  }
  return Buffer.concat((await read.body.toArray()) as Buffer[]);
}

function requireSignature(bin: Buffer, sig: Buffer, publicKeys: readonly string[]): void {
  const isSigned = decodeExportSig(sig).signatures.some(({ signature }) =>
    publicKeys.some((publicKeyPem) => verify('sha256', bin, publicKeyPem, signature)),
  );
  if (!isSigned) throw new AppError('invalid', 'signature_invalid', 'no signature of this export holds');
}

function described(content: DecodedExport, number: number): Omit<OwnFile, 'sha256' | 'size'> {
  const { startTimestamp, endTimestamp, region, signatureInfos, keys, revisedKeys } = content;
  if (startTimestamp === null || endTimestamp === null) throw invalid('has no times');
  const end = new Date(Number(endTimestamp) * 1000);
  const ofFirst = fileEnd(new Date(0), number).getTime();
  return {
    windowStart: new Date(Number(startTimestamp) * 1000),
    windowEnd: new Date(end.getTime() - ofFirst),
    endTimestamp: end,
    region,
    signatureInfos,
    keys,
    revisedKeys,
  };
}

function invalid(what: string): AppError {
  return new AppError('invalid', 'export_file_invalid', what);
}
