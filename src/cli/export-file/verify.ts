/** Verifies one export file as a phone would, and more strictly. */
import { verify } from 'node:crypto';
import {
  decodeExportHead,
  decodeKeys,
  type DecodedHead,
  type DecodedKey,
  type DecodedSignature,
  type DecodedSignatureInfo,
} from '../../domain/export-file/decode.ts';
import { EXPORT_BIN, EXPORT_SIG, signatureAlgorithm } from '../../domain/export-file/format.ts';
import { AppError } from '../../domain/errors.ts';
import { ListCheck, type Window } from './check-keys.ts';
import { Faults } from './faults.ts';
import type { VerificationKey } from './public-keys.ts';
import { unpackExportFile, type UnpackedFile } from './read.ts';

/** How a signature fared: `unknown` = made with a key that was not given. */
export type Verdict = 'verified' | 'wrong' | 'unknown';

/** What was found in one file. */
export interface FileReport {
  readonly file: string;
  /** Empty: all is well. */
  readonly faults: readonly string[];
  /** Null when the file could not be read at all. */
  readonly summary: FileSummary | null;
}

/** What a readable file says. */
export interface FileSummary {
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
  readonly region: string;
  readonly keys: number;
  readonly revisedKeys: number;
  readonly signatures: readonly { readonly keyId: string; readonly keyVersion: string; readonly verdict: Verdict }[];
}

/** A report, and the keys for the checks over several files. */
export interface VerifiedFile {
  readonly report: FileReport;
  /** Decoded while they are read, once. */
  readonly keys: Iterable<DecodedKey>;
  readonly revisedKeys: Iterable<DecodedKey>;
}

/** Never rejects for what is in the bytes: a file that can't be read is a fault. */
export async function verifyFile(
  file: string,
  zip: Buffer,
  publicKeys: readonly VerificationKey[],
): Promise<VerifiedFile> {
  const faults = new Faults();
  const keyFaults = new Faults();
  const lists = { keys: new ListCheck('keys', keyFaults), revisedKeys: new ListCheck('revisedKeys', keyFaults) };
  let read: ReadFile;
  try {
    const unpacked = await unpackExportFile(zip);
    const head = decodeExportHead(unpacked.bin, (list, key, times) => {
      lists[list].add(key, windowOf(times));
    });
    read = { ...unpacked, head };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return unreadableFile(file, error.message);
  }
  checkStructure(read, faults);
  const signatures = checkSignatures(read, publicKeys, faults);
  const { bin, head } = read;
  const { start, end } = windowOf(head);
  const counts = { keys: lists.keys.count, revisedKeys: lists.revisedKeys.count };
  const summary = { start: start ?? 0, end: end ?? 0, region: head.region, ...counts, signatures };
  const report = { file, faults: [...faults.list(), ...keyFaults.list()], summary };
  return { report, keys: decodeKeys(bin, 'keys'), revisedKeys: decodeKeys(bin, 'revisedKeys') };
}

interface ReadFile extends UnpackedFile {
  readonly head: DecodedHead;
}

function windowOf({ startTimestamp, endTimestamp }: Pick<DecodedHead, 'startTimestamp' | 'endTimestamp'>): Window {
  return { start: toSeconds(startTimestamp), end: toSeconds(endTimestamp) };
}

/** The report of a file that could not be fetched or read. */
export function unreadableFile(file: string, fault: string): VerifiedFile {
  return { report: { file, faults: [fault], summary: null }, keys: [], revisedKeys: [] };
}

function checkStructure({ entryNames, head: content, signatures }: ReadFile, faults: Faults): void {
  const wanted = [EXPORT_BIN, EXPORT_SIG];
  if (entryNames.join() !== wanted.join())
    faults.add(`its entries are not just ${wanted.join(' and ')}, in this order`);
  for (const oddity of [...content.oddities, ...signatures.oddities]) faults.add(oddity);
  const { start, end } = windowOf(content);
  if (start === null || end === null || start >= end) faults.add('its window does not start before it ends');
  if (content.region === '') faults.add('it names no region');
  if (content.batchNum !== 1 || content.batchSize !== 1) faults.add('its batch number and size are not 1');
}

function checkSignatures(
  { bin, head, signatures: { signatures } }: ReadFile,
  publicKeys: readonly VerificationKey[],
  faults: Faults,
): FileSummary['signatures'] {
  const inSig = signatures.map((signature) => describe(signature.info));
  const inBin = head.signatureInfos.map(describe);
  if (inSig.join('\n') !== inBin.join('\n')) faults.add(`${EXPORT_BIN} and ${EXPORT_SIG} name different signatures`);
  if (signatures.length === 0) faults.add('it is not signed');
  const checked = signatures.map((signature) => {
    const name = describe(signature.info);
    if (signature.info.algorithm !== signatureAlgorithm) faults.add(`signature ${name}: unknown algorithm`);
    if (signature.batchNum !== 1 || signature.batchSize !== 1) {
      faults.add(`signature ${name}: its batch number and size are not 1`);
    }
    const verdict = judge(bin, signature, publicKeys);
    if (verdict === 'wrong') faults.add(`signature ${name}: is wrong`);
    const listFault = keysJsonFault(signature.info, windowOf(head), publicKeys);
    if (listFault !== null) faults.add(`signature ${name}: ${listFault}`);
    return { keyId: signature.info.keyId, keyVersion: signature.info.keyVersion, verdict };
  });
  if (!checked.some(({ verdict }) => verdict === 'verified')) faults.add('no signature verifies with the given keys');
  return checked;
}

/** A file is signed after the end of its window, by keys that its `keys.json` lists. Null where none was given. */
function keysJsonFault(
  { keyId, keyVersion }: DecodedSignatureInfo,
  { end }: Window,
  publicKeys: readonly VerificationKey[],
): string | null {
  if (!publicKeys.some(({ listed }) => listed !== null)) return null;
  const key = publicKeys.find(({ id }) => id?.keyId === keyId && id.keyVersion === keyVersion);
  if (key === undefined) return 'its key is not in keys.json';
  const thru = key.listed?.thru ?? null;
  if (thru === null || end === null || thru.getTime() / 1000 > end) return null;
  return 'its key had ended before the window did, as keys.json says';
}

/** A key given by ID and version must verify its signature; keys given without are tried where no such key is. */
function judge(bin: Buffer, { info, signature }: DecodedSignature, publicKeys: readonly VerificationKey[]): Verdict {
  const named = publicKeys.filter(({ id }) => id?.keyId === info.keyId && id.keyVersion === info.keyVersion);
  const candidates = named.length > 0 ? named : publicKeys.filter(({ id }) => id === null);
  const isVerified = candidates.some(({ key }) => verify('sha256', bin, { key, dsaEncoding: 'der' }, signature));
  if (isVerified) return 'verified';
  return named.length > 0 ? 'wrong' : 'unknown';
}

function describe(info: DecodedSignatureInfo): string {
  return `${info.keyId}/${info.keyVersion}`;
}

function toSeconds(timestamp: bigint | null): number | null {
  return timestamp === null ? null : Number(timestamp);
}
