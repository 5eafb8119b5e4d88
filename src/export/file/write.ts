/** Writes one export file: keys stream in, a signed zip lies on the disk. */
import { createHash, createVerify, type Hash, type Verify } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { encodeHeader } from '../../domain/export-file/encode-header.ts';
import { encodeSignatureList, type ExportSignature } from '../../domain/export-file/encode-signatures.ts';
import { EXPORT_BIN, EXPORT_SIG, type ExportHeader, type SignatureInfo } from '../../domain/export-file/format.ts';
import type { KeyBlock } from '../../domain/export-file/key-block.ts';
import { abortable, unlessAborted } from './abortable.ts';
import { keyChunks, type KeyCounts } from './key-chunks.ts';
import { ZipFile } from './zip-file.ts';

/** An `export.bin` that is written and waits for a signature. */
export interface ContentToSign {
  /** Of all of it, 32 bytes. */
  readonly sha256: Uint8Array;
  /** Whether the key, SPKI PEM, made this ASN.1 DER ECDSA signature over it. Can be asked once. */
  isSignedBy(publicKeyPem: string, signature: Uint8Array): boolean;
}

/** Signs for one public key that phones know. */
export interface Signer {
  readonly info: SignatureInfo;
  /** @returns ASN.1 DER ECDSA signature */
  sign(content: ContentToSign): Promise<Uint8Array>;
}

/** What goes into a file, and where the file goes. */
export interface ExportFileInput {
  readonly header: ExportHeader;
  /** Ascending by key bytes, no key twice. */
  readonly keys: AsyncIterable<KeyBlock>;
  /** Ascending by key bytes, no key twice. Read after `keys` is exhausted. */
  readonly revisedKeys: AsyncIterable<KeyBlock>;
  /** Newest first; the file names them in this order. */
  readonly signers: readonly Signer[];
  /** Where the zip is written; replaced if it exists, removed on failure. */
  readonly spoolPath: string;
  readonly signal?: AbortSignal;
}

/** What was written. */
export interface WrittenExportFile {
  /** SHA-256 of the whole `export.bin`: what was signed, and what tells two files' contents apart. */
  readonly sha256: Buffer;
  /** Bytes of the zip. */
  readonly size: number;
  readonly keys: number;
  readonly revisedKeys: number;
}

/**
 * Streams keys into a signed zip at constant memory. The same input and signatures give the same bytes.
 *
 * @throws AppError `precondition`/`no_active_signer` without a signer; `internal`/`export_keys_unsorted` for keys out of
 *   order or repeated; `precondition`/`export_file_too_large` above 4 GiB; `unavailable`/`spool_unavailable` when the disk fails;
 *   the signal's reason when aborted. The spool file is gone then.
 */
export async function writeExportFile(input: ExportFileInput): Promise<WrittenExportFile> {
  if (input.signers.length === 0) {
    throw new AppError(
      'precondition',
      'no_active_signer',
      'no signing key is active: an unsigned file is never written',
    );
  }
  input.signal?.throwIfAborted();
  const zip = await ZipFile.create(input.spoolPath);
  try {
    const hash = createHash('sha256');
    // To verify over a digest alone takes JavaScript forty times as long as OpenSSL takes over the content of most files.
    const verifiers = input.signers.map(() => createVerify('sha256'));
    const counts = { keys: 0, revisedKeys: 0 };
    await zip.add(EXPORT_BIN, hashed(exportBin(input, counts), [hash, ...verifiers]), input.signal);
    const sha256 = hash.digest();
    const signatures = await sign(sha256, verifiers, input);
    await zip.add(EXPORT_SIG, [encodeSignatureList(signatures)], input.signal);
    return { sha256, size: await zip.finish(), ...counts };
  } catch (error) {
    await zip.discard();
    // An aborted pipeline says only "aborted".
    input.signal?.throwIfAborted();
    throw error;
  }
}

async function* exportBin(input: ExportFileInput, counts: KeyCounts): AsyncGenerator<Buffer> {
  const infos = input.signers.map((signer) => signer.info);
  yield encodeHeader(input.header, infos);
  for (const list of ['keys', 'revisedKeys'] as const) {
    const blocks = input.signal === undefined ? input[list] : abortable(input[list], input.signal);
    yield* keyChunks(list, blocks, counts);
  }
}

async function* hashed(chunks: AsyncIterable<Buffer>, readers: readonly (Hash | Verify)[]): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (const reader of readers) reader.update(chunk);
    yield chunk;
  }
}

async function sign(sha256: Buffer, verifiers: readonly Verify[], input: ExportFileInput): Promise<ExportSignature[]> {
  const signatures: ExportSignature[] = [];
  for (const [index, signer] of input.signers.entries()) {
    input.signal?.throwIfAborted();
    const isSignedBy = (key: string, signature: Uint8Array): boolean => verifiers[index]!.verify(key, signature);
    const signature = await unlessAborted(signer.sign({ sha256, isSignedBy }), input.signal);
    signatures.push({ info: signer.info, signature });
  }
  return signatures;
}
