/** A second implementation of the file's messages: protobufjs on the proto2 file, which keeps what was set. */
import { join } from 'node:path';
import protobuf from 'protobufjs';
import type { KeyList, SignatureInfo, ExportHeader } from '../../../src/domain/export-file/format.ts';
import { signatureAlgorithm } from '../../../src/domain/export-file/format.ts';
import type { Row } from '../../support/export-file.ts';

const root = new protobuf.Root().loadSync(join(import.meta.dirname, '../../../proto/tek_export.proto'));

/** The message in the bytes that the other implementation makes. */
export function encodeWithProtobufjs(type: string, message: object): Buffer {
  return Buffer.from(root.lookupType(type).encode(message).finish());
}

/** `TemporaryExposureKeyExport` as the other implementation wants it. */
export function exportMessage(
  header: ExportHeader,
  infos: readonly SignatureInfo[],
  lists: Partial<Record<KeyList, readonly Row[]>>,
): object {
  return {
    startTimestamp: header.startTimestamp.getTime() / 1000,
    endTimestamp: header.endTimestamp.getTime() / 1000,
    region: header.region,
    batchNum: 1,
    batchSize: 1,
    signatureInfos: infos.map(infoMessage),
    keys: (lists.keys ?? []).map(keyMessage),
    revisedKeys: (lists.revisedKeys ?? []).map(keyMessage),
  };
}

/** `SignatureInfo`, without what is empty. */
export function infoMessage({ keyId, keyVersion }: SignatureInfo): object {
  return {
    ...(keyVersion === '' ? {} : { verificationKeyVersion: keyVersion }),
    ...(keyId === '' ? {} : { verificationKeyId: keyId }),
    signatureAlgorithm,
  };
}

function keyMessage(row: Row): object {
  return {
    keyData: row.key,
    transmissionRiskLevel: row.risk,
    ...(row.start === 0 ? {} : { rollingStartIntervalNumber: row.start }),
    ...(row.period === 144 ? {} : { rollingPeriod: row.period }),
    ...(row.reportType === 0 ? {} : { reportType: row.reportType }),
    ...(row.onset === null ? {} : { daysSinceOnsetOfSymptoms: row.onset }),
  };
}
