/** The beginning of `export.bin`: all that stands before the keys. */
import { bytesField, fixed64Field, varintField } from './encode-fields.ts';
import { exportBinHeader, signatureAlgorithm, type ExportHeader, type SignatureInfo } from './format.ts';

/**
 * The 16-byte header and fields 1 to 6 (reference 1.2). Batch number and size are always 1: a split batch is
 * several batches to a phone.
 *
 * @param signatureInfos one per signer, newest first
 */
export function encodeHeader(header: ExportHeader, signatureInfos: readonly SignatureInfo[]): Buffer {
  return Buffer.concat([
    Buffer.from(exportBinHeader, 'latin1'),
    fixed64Field(1, unixSeconds(header.startTimestamp)),
    fixed64Field(2, unixSeconds(header.endTimestamp)),
    bytesField(3, header.region),
    varintField(4, 1),
    varintField(5, 1),
    ...signatureInfos.map((info) => bytesField(6, encodeSignatureInfo(info))),
  ]);
}

/** The message `SignatureInfo`, without empty strings (reference 1.2). */
export function encodeSignatureInfo(info: SignatureInfo): Buffer {
  return Buffer.concat([
    info.keyVersion === '' ? Buffer.alloc(0) : bytesField(3, info.keyVersion),
    info.keyId === '' ? Buffer.alloc(0) : bytesField(4, info.keyId),
    bytesField(5, signatureAlgorithm),
  ]);
}

function unixSeconds(time: Date): bigint {
  return BigInt(Math.floor(time.getTime() / 1000));
}
