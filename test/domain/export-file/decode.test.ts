/** Reading files, ours and strangers'. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { decodeExportBin, decodeExportSig } from '../../../src/domain/export-file/decode.ts';
import { encodeHeader } from '../../../src/domain/export-file/encode-header.ts';
import { encodeKeys } from '../../../src/domain/export-file/encode-keys.ts';
import { encodeSignatureList } from '../../../src/domain/export-file/encode-signatures.ts';
import { blockOf, sampleHeader, sampleRow } from '../../support/export-file.ts';

const infos = [{ keyId: '310', keyVersion: 'v1' }];
const rows = [sampleRow(1, { onset: 0 }), sampleRow(2, { onset: null, period: 10 }), sampleRow(3, { onset: -14 })];

function sampleBin(): Buffer {
  const sink = { bytes: Buffer.alloc(1000), offset: 0 };
  encodeKeys(sink, blockOf(rows), { list: 'keys', from: 0 });
  return Buffer.concat([encodeHeader(sampleHeader, infos), sink.bytes.subarray(0, sink.offset)]);
}

/** Runs a decoder on bytes that may be anything: it gives a value or an AppError, never anything else. */
function survives(decode: (bytes: Buffer) => unknown, bytes: Buffer): void {
  try {
    decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ kind: 'invalid', code: 'export_file_invalid' });
  }
}

describe('export.bin', () => {
  it('is read as it was written, an onset of 0 apart from none', () => {
    const read = decodeExportBin(sampleBin());
    expect(read.startTimestamp).toBe(BigInt(sampleHeader.startTimestamp.getTime() / 1000));
    expect(read.region).toBe('AA');
    expect(read.signatureInfos).toEqual([{ keyId: '310', keyVersion: 'v1', algorithm: '1.2.840.10045.4.3.2' }]);
    expect(read.keys.map((key) => key.daysSinceOnset)).toEqual([0, null, -14]);
    expect(read.keys.map((key) => key.rollingPeriod)).toEqual([144, 10, 144]);
    expect(read.keys.map((key) => key.key)).toEqual(rows.map((row) => row.key));
    expect(read.oddities).toEqual([]);
  });

  it('needs the header of this format, whole', () => {
    const bytes = sampleBin();
    expect(() => decodeExportBin(bytes.subarray(0, 15))).toThrow('does not begin with');
    expect(() => decodeExportBin(Buffer.concat([Buffer.from('EK Export v2    '), bytes.subarray(16)]))).toThrow(
      'does not begin with',
    );
    expect(decodeExportBin(bytes.subarray(0, 16)).keys).toEqual([]);
  });

  it('may not end in the middle of a field', () => {
    expect(() => decodeExportBin(sampleBin().subarray(0, -1))).toThrow('ends in the middle of a field');
  });

  it('is read with unknown fields, numbers too long and fields out of order, which are told', () => {
    const odd = Buffer.from('2801' + '20' + '8100' + '7801', 'hex');
    const read = decodeExportBin(Buffer.concat([sampleBin(), odd]));
    expect(read.keys).toHaveLength(3);
    expect(read.oddities).toEqual([
      'export.bin: fields are not in ascending order',
      'export.bin: a number is longer than it need be',
      'export.bin: unknown field 15 (varint)',
    ]);
  });

  it('may be any bytes without harm', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => survives(decodeExportBin, Buffer.from(bytes))));
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) =>
        survives(decodeExportBin, Buffer.concat([Buffer.from('EK Export v1    '), bytes])),
      ),
    );
  });

  it('may have any byte changed without harm', () => {
    const bytes = sampleBin();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(bytes);
        changed[at] = changed[at]! ^ change;
        survives(decodeExportBin, changed);
      }),
    );
  });
});

describe('export.sig', () => {
  it('is read as it was written', () => {
    const signature = Buffer.from('signature');
    const read = decodeExportSig(encodeSignatureList([{ info: infos[0]!, signature }]));
    expect(read).toEqual({
      signatures: [
        {
          info: { keyId: '310', keyVersion: 'v1', algorithm: '1.2.840.10045.4.3.2' },
          batchNum: 1,
          batchSize: 1,
          signature,
        },
      ],
      oddities: [],
    });
  });

  it('may be any bytes without harm', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => survives(decodeExportSig, Buffer.from(bytes))));
  });
});
