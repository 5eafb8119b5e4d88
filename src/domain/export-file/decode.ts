/** Reads `export.bin` and `export.sig`, whoever wrote them; absent fields stay absent. */
import { AppError } from '../errors.ts';
import { EXPORT_BIN, exportBinHeader, EXPORT_SIG, maxRollingPeriod, type KeyList } from './format.ts';
import { FieldReader, Oddities, type Field } from './read-fields.ts';

/** A signature info as it stands in a file; strings are empty when absent. */
export interface DecodedSignatureInfo {
  readonly keyId: string;
  readonly keyVersion: string;
  /** OID. */
  readonly algorithm: string;
}

/** A key as it stands in a file; null = absent. */
export interface DecodedKey {
  readonly key: Buffer;
  readonly transmissionRisk: number | null;
  readonly rollingStart: number;
  readonly rollingPeriod: number;
  /** 0 when absent. */
  readonly reportType: number;
  readonly daysSinceOnset: number | null;
  readonly variantOfConcern: number | null;
}

/** The content of `export.bin`. */
export interface DecodedExport {
  /** Unix seconds; null = absent. */
  readonly startTimestamp: bigint | null;
  readonly endTimestamp: bigint | null;
  readonly region: string;
  readonly batchNum: number;
  readonly batchSize: number;
  readonly signatureInfos: readonly DecodedSignatureInfo[];
  readonly keys: readonly DecodedKey[];
  readonly revisedKeys: readonly DecodedKey[];
  /** What is readable but not as the format wants it: unknown fields, order of fields. */
  readonly oddities: readonly string[];
}

/** One signature of `export.sig`. */
export interface DecodedSignature {
  readonly info: DecodedSignatureInfo;
  readonly batchNum: number;
  readonly batchSize: number;
  readonly signature: Buffer;
}

/** The content of `export.sig`. */
export interface DecodedSignatureList {
  readonly signatures: readonly DecodedSignature[];
  readonly oddities: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** All but the keys. */
export type DecodedHead = Omit<DecodedExport, 'keys' | 'revisedKeys'>;

/** Takes keys as they come; `head` is what stood before the key. */
export type KeyVisitor = (
  list: KeyList,
  key: DecodedKey,
  head: Pick<DecodedHead, 'startTimestamp' | 'endTimestamp'>,
) => void;

/** @throws AppError `invalid`/`export_file_invalid` for a foreign header or bytes that are no such message */
export function decodeExportBin(bytes: Buffer): DecodedExport {
  const lists = { keys: [] as DecodedKey[], revisedKeys: [] as DecodedKey[] };
  const head = decodeExportHead(bytes, (list, key) => lists[list].push(key));
  return { ...head, ...lists };
}

/** Decodes everything, and keeps no key: a large file takes no more memory than its bytes. Throws as {@link decodeExportBin}. */
export function decodeExportHead(bytes: Buffer, onKey: KeyVisitor): DecodedHead {
  const content = withoutHeader(bytes);
  const oddities = new Oddities();
  const numbers = {
    startTimestamp: null as bigint | null,
    endTimestamp: null as bigint | null,
    batchNum: 0,
    batchSize: 0,
  };
  const signatureInfos: DecodedSignatureInfo[] = [];
  let region = '';
  const reader = new FieldReader(content, EXPORT_BIN, oddities);
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field.kind === 'fixed64' && field.number === 1) numbers.startTimestamp = field.value;
    else if (field.kind === 'fixed64' && field.number === 2) numbers.endTimestamp = field.value;
    else if (field.kind === 'bytes' && field.number === 3) region = field.bytes.toString('utf8');
    else if (field.kind === 'varint' && field.number === 4) numbers.batchNum = field.int32;
    else if (field.kind === 'varint' && field.number === 5) numbers.batchSize = field.int32;
    else if (field.kind === 'bytes' && field.number === 6) signatureInfos.push(decodeInfo(field.bytes, oddities));
    else if (field.kind === 'bytes' && field.number === 7) onKey('keys', decodeKey(field.bytes, oddities), numbers);
    else if (field.kind === 'bytes' && field.number === 8)
      onKey('revisedKeys', decodeKey(field.bytes, oddities), numbers);
    else reader.unknown(field);
  }
  return { ...numbers, region, signatureInfos, oddities: oddities.notes };
}

/**
 * The keys of one list of `export.bin` in their order, each decoded when it is asked for: a large file takes no more memory
 * than its bytes.
 * @throws AppError as {@link decodeExportBin}, where the fault is met; with the other list's keys unread
 */
export function* decodeKeys(bytes: Buffer, list: KeyList): Generator<DecodedKey> {
  const oddities = new Oddities();
  const reader = new FieldReader(withoutHeader(bytes), EXPORT_BIN, oddities);
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field.kind === 'bytes' && field.number === keyFields[list]) yield decodeKey(field.bytes, oddities);
  }
}

const keyFields: Readonly<Record<KeyList, number>> = { keys: 7, revisedKeys: 8 };

function withoutHeader(bytes: Buffer): Buffer {
  const header = bytes.subarray(0, exportBinHeader.length).toString('latin1');
  if (header === exportBinHeader) return bytes.subarray(exportBinHeader.length);
  throw new AppError('invalid', 'export_file_invalid', `${EXPORT_BIN} does not begin with "${exportBinHeader}"`);
}

/** @throws AppError `invalid`/`export_file_invalid` for bytes that are no such message */
export function decodeExportSig(bytes: Buffer): DecodedSignatureList {
  const oddities = new Oddities();
  const signatures: DecodedSignature[] = [];
  const reader = new FieldReader(bytes, EXPORT_SIG, oddities);
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field.kind === 'bytes' && field.number === 1) signatures.push(decodeSignature(field.bytes, oddities));
    else reader.unknown(field);
  }
  return { signatures, oddities: oddities.notes };
}

function decodeSignature(bytes: Buffer, oddities: Oddities): DecodedSignature {
  const signature: Mutable<DecodedSignature> = {
    info: { keyId: '', keyVersion: '', algorithm: '' },
    batchNum: 0,
    batchSize: 0,
    signature: Buffer.alloc(0),
  };
  const reader = new FieldReader(bytes, 'signature', oddities);
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field.kind === 'bytes' && field.number === 1) signature.info = decodeInfo(field.bytes, oddities);
    else if (field.kind === 'varint' && field.number === 2) signature.batchNum = field.int32;
    else if (field.kind === 'varint' && field.number === 3) signature.batchSize = field.int32;
    else if (field.kind === 'bytes' && field.number === 4) signature.signature = field.bytes;
    else reader.unknown(field);
  }
  return signature;
}

function decodeInfo(bytes: Buffer, oddities: Oddities): DecodedSignatureInfo {
  const info: Mutable<DecodedSignatureInfo> = { keyId: '', keyVersion: '', algorithm: '' };
  const reader = new FieldReader(bytes, 'signature info', oddities);
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field.kind === 'bytes' && field.number === 3) info.keyVersion = field.bytes.toString('utf8');
    else if (field.kind === 'bytes' && field.number === 4) info.keyId = field.bytes.toString('utf8');
    else if (field.kind === 'bytes' && field.number === 5) info.algorithm = field.bytes.toString('utf8');
    else reader.unknown(field);
  }
  return info;
}

function decodeKey(bytes: Buffer, oddities: Oddities): DecodedKey {
  const key: Mutable<DecodedKey> = {
    key: Buffer.alloc(0),
    transmissionRisk: null,
    rollingStart: 0,
    rollingPeriod: maxRollingPeriod,
    reportType: 0,
    daysSinceOnset: null,
    variantOfConcern: null,
  };
  const reader = new FieldReader(bytes, 'key', oddities);
  for (let field = reader.next(); field !== null; field = reader.next()) {
    if (field.kind === 'bytes' && field.number === 1) key.key = field.bytes;
    else if (field.kind === 'varint') readKeyNumber(key, field, reader);
    else reader.unknown(field);
  }
  return key;
}

function readKeyNumber(key: Mutable<DecodedKey>, field: Field & { kind: 'varint' }, reader: FieldReader): void {
  const value = field.int32;
  if (field.number === 2) key.transmissionRisk = value;
  else if (field.number === 3) key.rollingStart = value;
  else if (field.number === 4) key.rollingPeriod = value;
  else if (field.number === 5) key.reportType = value;
  else if (field.number === 6) key.daysSinceOnset = (value >>> 1) ^ -(value & 1);
  else if (field.number === 8) key.variantOfConcern = value;
  else reader.unknown(field);
}
