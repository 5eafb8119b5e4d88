/** Reads what phones download with none of the product's code: yauzl, protobufjs and node:crypto. */
import { createPublicKey, verify } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import protobuf from 'protobufjs';
import yauzl from 'yauzl';

/** One key of a file. */
export interface PublishedKey {
  /** Base64. */
  readonly key: string;
  readonly rollingStart: number;
  readonly rollingPeriod: number;
  readonly transmissionRisk: number;
  readonly reportType: number;
  readonly daysSinceOnset: number | undefined;
}

/** What a file says. */
export interface PublishedFile {
  readonly start: number;
  readonly end: number;
  readonly region: string;
  readonly keys: readonly PublishedKey[];
  readonly revisedKeys: readonly PublishedKey[];
  readonly exportBin: Buffer;
}

const proto = protobuf.loadSync(new URL('../../proto/tek_export.proto', import.meta.url).pathname);
const exportType = proto.lookupType('TemporaryExposureKeyExport');
const signatureType = proto.lookupType('TEKSignatureList');

/** Opens a zip, checks header and signature, decodes it. Throws when anything is wrong. */
export async function readPublishedFile(zip: Buffer, publicKeyPem: string): Promise<PublishedFile> {
  const entries = await readEntries(zip);
  const exportBin = entries.get('export.bin')!;
  const publicKey = createPublicKey(publicKeyPem);
  const signatures = decodeSignatures(entries.get('export.sig')!);
  if (!signatures.some((signature) => verify('sha256', exportBin, publicKey, signature))) {
    throw new Error('no signature is good');
  }
  return decodeExport(exportBin);
}

/** The signatures of an `export.sig`, DER, in their order. */
export function decodeSignatures(exportSig: Buffer): Buffer[] {
  const { signatures } = signatureType.toObject(signatureType.decode(exportSig)) as {
    signatures: { signature: Buffer }[];
  };
  return signatures.map(({ signature }) => signature);
}

/** The content of an `export.bin`. Throws when its first 16 bytes are wrong. */
export function decodeExport(exportBin: Buffer): PublishedFile {
  if (exportBin.subarray(0, 16).toString('latin1') !== 'EK Export v1    ') throw new Error('the header is wrong');
  const content = exportType.toObject(exportType.decode(exportBin.subarray(16)), { longs: Number, defaults: false });
  return {
    start: Number(content['startTimestamp']),
    end: Number(content['endTimestamp']),
    region: String(content['region']),
    keys: ((content['keys'] ?? []) as RawKey[]).map(publishedKey),
    revisedKeys: ((content['revisedKeys'] ?? []) as RawKey[]).map(publishedKey),
    exportBin,
  };
}

interface RawKey {
  readonly keyData: Buffer;
  readonly transmissionRiskLevel: number;
  readonly rollingStartIntervalNumber?: number;
  readonly rollingPeriod?: number;
  readonly reportType?: number;
  readonly daysSinceOnsetOfSymptoms?: number;
}

function publishedKey(raw: RawKey): PublishedKey {
  return {
    key: raw.keyData.toString('base64'),
    rollingStart: raw.rollingStartIntervalNumber ?? 0,
    rollingPeriod: raw.rollingPeriod ?? 144,
    transmissionRisk: raw.transmissionRiskLevel,
    reportType: raw.reportType ?? 0,
    daysSinceOnset: raw.daysSinceOnsetOfSymptoms,
  };
}

/** Entries of a zip by name. */
export async function readEntries(zip: Buffer): Promise<Map<string, Buffer>> {
  const archive = await promisify<Buffer, yauzl.Options, yauzl.ZipFile>(yauzl.fromBuffer)(zip, {
    lazyEntries: false,
    autoClose: false,
  });
  const entries: yauzl.Entry[] = [];
  await new Promise((resolve, reject) => {
    archive.on('entry', (entry: yauzl.Entry) => entries.push(entry));
    archive.on('end', resolve);
    archive.on('error', reject);
  });
  const open = promisify(archive.openReadStream.bind(archive) as (entry: yauzl.Entry, done: Done) => void);
  const contents = await Promise.all(entries.map(async (entry) => await buffer(await open(entry))));
  return new Map(entries.map((entry, index) => [entry.fileName, contents[index]!]));
}

type Done = (error: Error | null, stream: NodeJS.ReadableStream) => void;
