/** What is in a zip that is published already. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { EXPORT_BIN } from '../../domain/export-file/format.ts';
import type { BlobName, BlobStore } from '../../storage/blob/blob-store.ts';

const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;
const DEFLATE = 8;

/** A published zip. */
export interface PublishedFile {
  /** SHA-256 of its `export.bin`. */
  readonly sha256: Buffer;
  /** Bytes of the zip. */
  readonly size: number;
}

/** Reads it at constant memory; null when nothing is there or it isn't a file of ours. Throws AppError `unavailable`. */
export async function readPublished(blobStore: BlobStore, blob: BlobName): Promise<PublishedFile | null> {
  const dataOffset = await exportBinOffset(blobStore, blob);
  if (dataOffset === null) return null;
  const read = await blobStore.read(blob, { offset: dataOffset, length: 0 });
  if (read === null) return null;
  const sha256 = await inflatedHash(read.body);
  return sha256 && { sha256, size: read.info.size };
}

/** Where the deflated data of `export.bin` begins: it is the first entry in every file that we write. */
async function exportBinOffset(blobStore: BlobStore, blob: BlobName): Promise<number | null> {
  const length = LOCAL_HEADER_BYTES + EXPORT_BIN.length;
  const read = await blobStore.read(blob, { offset: 0, length });
  if (read === null) return null;
  const head = Buffer.concat((await read.body.toArray()) as Buffer[]);
  const isExportBin =
    head.length === length &&
    head.readUInt32LE(0) === LOCAL_HEADER_SIGNATURE &&
    head.readUInt16LE(8) === DEFLATE &&
    head.readUInt16LE(26) === EXPORT_BIN.length &&
    head.toString('latin1', LOCAL_HEADER_BYTES) === EXPORT_BIN;
  return isExportBin ? length + head.readUInt16LE(28) : null;
}

/** Null for what does not inflate. What follows the deflated data is left alone. */
async function inflatedHash(body: Readable): Promise<Buffer | null> {
  const hash = createHash('sha256');
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      hash.update(chunk);
      done();
    },
  });
  try {
    await pipeline(body, createInflateRaw(), sink);
    return hash.digest();
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) return null;
    throw error;
  }
}
