/** A zip of another authority → its `export.bin`, when one of the configured keys signed it. */
import { verify } from 'node:crypto';
import { setImmediate as breathe } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ImportPublicKey } from '../../domain/configuration/configuration.ts';
import { AppError } from '../../domain/errors.ts';
import { decodeExportSig, decodeKeys, type DecodedSignature } from '../../domain/export-file/decode.ts';
import { EXPORT_BIN, EXPORT_SIG } from '../../domain/export-file/format.ts';
import { readZip } from '../../platform/read-zip.ts';

/** What a file is held to. */
export interface FileLimits {
  /** Of the zip; what is in it may be four times as large: a key of 31 bytes takes 17 in the zip. */
  readonly maxFileBytes: number;
  readonly maxKeys: number;
}

/** Whose files, and when. */
export interface Trust {
  readonly publicKeys: readonly ImportPublicKey[];
  readonly now: Date;
}

const inflation = 4;
/** Some thousand times what ten signatures take. */
const maxSigBytes = 1024 * 1024;
/** Files have ten at most (reference 1.4); each that is looked at costs a hash over the whole file. */
const maxSignatures = 64;
/** Keys that are decoded before others get their turn. */
const keysAtATime = 10_000;

const verifyAsync = promisify(verify);

/**
 * The bytes of `export.bin`. Nothing of them is looked at before a signature holds; then all of it must be readable.
 * @throws AppError `invalid`: `export_file_invalid`, `signature_invalid`
 */
export async function openVerifiedFile(zip: Buffer, trust: Trust, limits: FileLimits): Promise<Buffer> {
  const { contents } = await readZip(
    zip,
    new Map([
      [EXPORT_BIN, limits.maxFileBytes * inflation],
      [EXPORT_SIG, maxSigBytes],
    ]),
  );
  const bin = contents.get(EXPORT_BIN);
  const sig = contents.get(EXPORT_SIG);
  if (bin === undefined || sig === undefined) {
    throw new AppError('invalid', 'export_file_invalid', `has no ${EXPORT_BIN} or no ${EXPORT_SIG}`);
  }
  await requireSignature(bin, decodeExportSig(sig).signatures, trust);
  await requireReadable(bin, limits.maxKeys);
  return bin;
}

async function requireSignature(bin: Buffer, signatures: readonly DecodedSignature[], trust: Trust): Promise<void> {
  const faults = new Set<string>();
  for (const signature of signatures.slice(0, maxSignatures)) {
    const fault = await signatureFault(bin, signature, trust);
    if (fault === undefined) return;
    faults.add(fault);
  }
  const reasons = faults.size === 0 ? 'it has none' : [...faults].join('; ');
  throw new AppError('invalid', 'signature_invalid', `no signature holds: ${reasons}`);
}

/** The keys that are named are ours: what a file calls its key is not repeated. */
async function signatureFault(
  bin: Buffer,
  { info, signature }: DecodedSignature,
  { publicKeys, now }: Trust,
): Promise<string | undefined> {
  const known = publicKeys.find(({ keyId, keyVersion }) => keyId === info.keyId && keyVersion === info.keyVersion);
  if (known === undefined) return 'made with a key that is not under publicKeys';
  const name = `${known.keyId}/${known.keyVersion}`;
  if (now < known.from) return `${name} is not valid yet`;
  if (known.thru !== null && now >= known.thru) return `${name} is not valid any more`;
  const isGood = await verifyAsync('sha256', bin, { key: known.publicKeyPem, dsaEncoding: 'der' }, signature);
  return isGood ? undefined : `the one of ${name} is wrong`;
}

/** Every key is decoded once before the first is stored: a file is taken in as a whole or not at all. */
async function requireReadable(bin: Buffer, maxKeys: number): Promise<void> {
  let count = 0;
  for (const list of ['keys', 'revisedKeys'] as const) {
    const keys = decodeKeys(bin, list);
    while (keys.next().done !== true) {
      count += 1;
      if (count > maxKeys) {
        throw new AppError('invalid', 'export_file_invalid', `has more than ${String(maxKeys)} keys`);
      }
      if (count % keysAtATime === 0) await breathe();
    }
  }
}
