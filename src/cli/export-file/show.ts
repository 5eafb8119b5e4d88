/** The content of an export file, for people and for programs. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import { count, formatTable, formatTime, type Column } from '../table.ts';
import type { ExportFile } from './read.ts';

/** Everything in the file; bytes in base64, times in Unix seconds as in the file, absent fields left out. */
export function toJson({ content, signatures }: ExportFile): unknown {
  return {
    startTimestamp: content.startTimestamp ?? undefined,
    endTimestamp: content.endTimestamp ?? undefined,
    region: content.region,
    batchNum: content.batchNum,
    batchSize: content.batchSize,
    signatureInfos: content.signatureInfos,
    keys: content.keys.map(keyJson),
    revisedKeys: content.revisedKeys.map(keyJson),
    signatures: signatures.signatures.map(({ signature, ...rest }) => ({
      ...rest,
      signature: signature.toString('base64'),
    })),
  };
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
export function toText({ content, signatures }: ExportFile): string {
  const infos = signatures.signatures.map(
    ({ info, signature }) => `${info.keyId}/${info.keyVersion} ${signature.toString('base64')}`,
  );
  const lines = [
    `window      ${time(content.startTimestamp)} to ${time(content.endTimestamp)}`,
    `region      ${content.region}`,
    ...infos.map((info) => `signature   ${info}`),
  ];
  const head = lines.map((line) => `${line}\n`).join('');
  return `${head}\n${keyTable('key', content.keys)}\n${keyTable('revised key', content.revisedKeys)}`;
}

const columns: readonly Column[] = [
  { heading: 'KEY' },
  { heading: 'START', align: 'right' },
  { heading: 'PERIOD', align: 'right' },
  { heading: 'RISK', align: 'right' },
  { heading: 'REPORT' },
  { heading: 'ONSET', align: 'right' },
];

function keyTable(noun: string, keys: readonly DecodedKey[]): string {
  const heading = `${count(keys.length, noun)}\n`;
  if (keys.length === 0) return heading;
  const rows = keys.map((key) => [
    key.key.toString('base64'),
    String(key.rollingStart),
    String(key.rollingPeriod),
    String(key.transmissionRisk ?? '-'),
    reportTypes[key.reportType] || '-',
    String(key.daysSinceOnset ?? '-'),
  ]);
  return heading + formatTable(columns, rows);
}

function time(timestamp: bigint | null): string {
  const date = timestamp === null ? undefined : new Date(Number(timestamp) * 1000);
  return date !== undefined && Number.isNaN(date.getTime()) ? String(timestamp) : formatTime(date);
}
