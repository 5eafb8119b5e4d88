/** The content of an export file, for people and for programs: piece by piece, since it may be large. */
import { decodeExportHead, decodeKeys, type DecodedHead, type DecodedKey } from '../../domain/export-file/decode.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { count, formatTime } from '../table.ts';
import { unpackExportFile, type UnpackedFile } from './read.ts';

/** Keys of one piece of text. */
const pieceKeys = 1000;

/** A file whose keys are decoded when they are shown. */
export interface ShownFile extends UnpackedFile {
  readonly head: DecodedHead;
  readonly counts: Readonly<Record<KeyList, number>>;
}

/** @throws AppError `invalid`/`export_file_invalid` for anything that is no export file */
export async function openShownFile(zip: Buffer): Promise<ShownFile> {
  const unpacked = await unpackExportFile(zip);
  const counts = { keys: 0, revisedKeys: 0 };
  const head = decodeExportHead(unpacked.bin, (list) => {
    counts[list] += 1;
  });
  return { ...unpacked, head, counts };
}

/** Everything in the file as JSON; bytes in base64, times in Unix seconds as in the file, absent fields left out. */
export function* jsonParts({ head, bin, signatures }: ShownFile): Generator<string> {
  const fields = {
    startTimestamp: seconds(head.startTimestamp),
    endTimestamp: seconds(head.endTimestamp),
    region: head.region,
    batchNum: head.batchNum,
    batchSize: head.batchSize,
    signatureInfos: head.signatureInfos,
    signatures: signatures.signatures.map(({ signature, ...rest }) => ({
      ...rest,
      signature: signature.toString('base64'),
    })),
  };
  yield JSON.stringify(fields, null, 2).replace(/\n\}$/, '');
  yield* jsonList(bin, 'keys');
  yield* jsonList(bin, 'revisedKeys');
  yield '\n}\n';
}

function* jsonList(bin: Buffer, list: KeyList): Generator<string> {
  yield `,\n  "${list}": [`;
  let separator = '\n';
  for (const piece of pieces(decodeKeys(bin, list))) {
    yield separator + piece.map((key) => `    ${JSON.stringify(keyJson(key))}`).join(',\n');
    separator = ',\n';
  }
  yield separator === '\n' ? ']' : '\n  ]';
}

function keyJson(key: DecodedKey): unknown {
  return {
    key: key.key.toString('base64'),
    rollingStart: key.rollingStart,
    rollingPeriod: key.rollingPeriod,
    transmissionRisk: key.transmissionRisk ?? undefined,
    reportType: reportTypes[key.reportType] ?? key.reportType,
    daysSinceOnset: key.daysSinceOnset ?? undefined,
    variantOfConcern: key.variantOfConcern ?? undefined,
  };
}

/** The words of the publish API. */
const reportTypes: Readonly<Record<number, string>> = {
  0: '',
  1: 'confirmed',
  2: 'likely',
  3: 'user-report',
  4: 'recursive',
  5: 'negative',
};

/** Header lines, then both lists as tables. */
export function* textParts({ head, bin, signatures, counts }: ShownFile): Generator<string> {
  const infos = signatures.signatures.map(
    ({ info, signature }) => `${info.keyId}/${info.keyVersion} ${signature.toString('base64')}`,
  );
  const lines = [
    `window      ${time(head.startTimestamp)} to ${time(head.endTimestamp)}`,
    `region      ${head.region}`,
    ...infos.map((info) => `signature   ${info}`),
  ];
  yield lines.map((line) => `${line}\n`).join('');
  yield `\n${count(counts.keys, 'key')}\n`;
  yield* keyTable(decodeKeys(bin, 'keys'));
  yield `\n${count(counts.revisedKeys, 'revised key')}\n`;
  yield* keyTable(decodeKeys(bin, 'revisedKeys'));
}

/** Columns are as wide as their widest cell can be, so that no line has to wait for another. */
function* keyTable(keys: Iterable<DecodedKey>): Generator<string> {
  let isFirst = true;
  for (const piece of pieces(keys)) {
    if (isFirst) yield keyLine(['KEY', 'START', 'PERIOD', 'RISK', 'REPORT', 'ONSET']);
    isFirst = false;
    yield piece.map(keyCells).map(keyLine).join('');
  }
}

function keyCells(key: DecodedKey): readonly string[] {
  return [
    key.key.toString('base64'),
    String(key.rollingStart),
    String(key.rollingPeriod),
    String(key.transmissionRisk ?? '-'),
    reportTypes[key.reportType] || '-',
    String(key.daysSinceOnset ?? '-'),
  ];
}

function keyLine([key = '', start = '', period = '', risk = '', report = '', onset = '']: readonly string[]): string {
  const cells = [key.padEnd(24), start.padStart(7), period.padStart(6), risk.padStart(4), report.padEnd(11)];
  return `${cells.join('  ')}  ${onset.padStart(5)}\n`;
}

function* pieces(keys: Iterable<DecodedKey>): Generator<readonly DecodedKey[]> {
  let piece: DecodedKey[] = [];
  for (const key of keys) {
    piece.push(key);
    if (piece.length < pieceKeys) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

function seconds(timestamp: bigint | null): number | string | undefined {
  if (timestamp === null) return undefined;
  return Number.isSafeInteger(Number(timestamp)) ? Number(timestamp) : String(timestamp);
}

function time(timestamp: bigint | null): string {
  const date = timestamp === null ? undefined : new Date(Number(timestamp) * 1000);
  return date !== undefined && Number.isNaN(date.getTime()) ? String(timestamp) : formatTime(date);
}
