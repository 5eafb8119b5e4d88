/** Our encoder against the deployed server's bytes and against a second implementation. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeader, encodeSignatureInfo } from '../../../src/domain/export-file/encode-header.ts';
import { encodeKeys, MAX_KEY_RECORD_BYTES } from '../../../src/domain/export-file/encode-keys.ts';
import { encodeSignatureList } from '../../../src/domain/export-file/encode-signatures.ts';
import {
  exportBinHeader,
  largestZipBytes,
  mostKeysInFile,
  type KeyList,
} from '../../../src/domain/export-file/format.ts';
import { blockOf, sampleHeader, sampleRow, type Row } from '../../support/export-file.ts';
import { encodeWithProtobufjs, exportMessage, infoMessage } from './proto2.ts';

const reportTypes: Readonly<Record<string, number>> = { confirmed: 1, likely: 2, 'user-report': 3, negative: 5 };

interface VectorKey {
  keyData: string;
  rollingStart: number;
  rollingPeriod: number;
  transmissionRisk: number;
  reportType: string;
  dsso: number | null;
}

function vectorRow(key: VectorKey): Row {
  return {
    key: Buffer.from(key.keyData, 'latin1'),
    start: key.rollingStart,
    period: key.rollingPeriod,
    risk: key.transmissionRisk,
    reportType: reportTypes[key.reportType] ?? 0,
    onset: key.dsso,
  };
}

function encodeRows(list: KeyList, rows: readonly Row[], keyLength = 16): Buffer {
  const sink = { bytes: Buffer.alloc(rows.length * MAX_KEY_RECORD_BYTES), offset: 0 };
  const next = encodeKeys(sink, blockOf(rows), { list, from: 0, keyLength });
  expect(next).toBe(rows.length);
  return sink.bytes.subarray(0, sink.offset);
}

describe('the deployed server', () => {
  it('writes the same export.bin for the same keys', () => {
    const vector = JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors/export-file.json'), 'utf8'));
    const header = {
      startTimestamp: new Date(vector.startTimestamp as string),
      endTimestamp: new Date(vector.endTimestamp as string),
      region: vector.region as string,
    };
    const infos = [{ keyId: '310', keyVersion: '1' }];
    const bin = Buffer.concat([
      encodeHeader(header, infos),
      encodeRows('keys', (vector.keys as VectorKey[]).map(vectorRow), 3),
      encodeRows('revisedKeys', (vector.revisedKeys as VectorKey[]).map(vectorRow), 3),
    ]);
    expect(bin.toString('hex')).toBe(vector.exportBin);
    expect(hash('sha256', bin, 'base64')).toBe(vector.sha256Base64);
  });
});

describe('a file of as many keys as are allowed', () => {
  it('is no larger than what is read, even where nothing compresses', () => {
    const keyBytes = encodeRows('keys', [sampleRow(0)]).length;
    expect(keyBytes).toBe(31);
    expect(keyBytes * mostKeysInFile).toBeLessThan(largestZipBytes);
  });
});

const anyRow: fc.Arbitrary<Row> = fc.record({
  key: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  start: fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, 127, 128, 2_649_456)),
  period: fc.oneof(fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }), fc.integer({ min: 0, max: 145 })),
  risk: fc.integer({ min: -128, max: 127 }),
  reportType: fc.constantFrom(0, 1, 2, 3, 5),
  onset: fc.option(fc.oneof(fc.integer({ min: -32_767, max: 32_767 }), fc.integer({ min: -15, max: 15 }))),
});
const anyInfo = fc.record({ keyId: fc.string({ maxLength: 200 }), keyVersion: fc.string({ maxLength: 4 }) });
const anyHeader = fc.record({
  startTimestamp: fc.integer({ min: 0, max: 2 ** 33 }).map((seconds) => new Date(seconds * 1000)),
  endTimestamp: fc.integer({ min: 0, max: 2 ** 33 }).map((seconds) => new Date(seconds * 1000)),
  region: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
});

describe('protobufjs on the proto2 file', () => {
  it('writes the same keys, whatever their values', () => {
    fc.assert(
      fc.property(fc.array(anyRow), fc.constantFrom<KeyList>('keys', 'revisedKeys'), (rows, list) => {
        const message = exportMessage(sampleHeader, [], { [list]: rows });
        const head = encodeHeader(sampleHeader, []).subarray(exportBinHeader.length);
        expect(Buffer.concat([head, encodeRows(list, rows)])).toEqual(
          encodeWithProtobufjs('TemporaryExposureKeyExport', message),
        );
      }),
    );
  });

  it('writes the same header after the 16 bytes, which it does not know', () => {
    fc.assert(
      fc.property(anyHeader, fc.array(anyInfo, { maxLength: 3 }), (header, infos) => {
        const bytes = encodeHeader(header, infos);
        expect(bytes.subarray(0, 16).toString('latin1')).toBe('EK Export v1    ');
        const message = exportMessage(header, infos, {});
        expect(bytes.subarray(16)).toEqual(encodeWithProtobufjs('TemporaryExposureKeyExport', message));
      }),
    );
  });

  it('writes the same signature list', () => {
    const anySignature = fc.record({ info: anyInfo, signature: fc.uint8Array({ minLength: 1, maxLength: 300 }) });
    fc.assert(
      fc.property(fc.array(anySignature, { maxLength: 3 }), (signatures) => {
        const message = {
          signatures: signatures.map(({ info, signature }) => ({
            signatureInfo: infoMessage(info),
            batchNum: 1,
            batchSize: 1,
            signature,
          })),
        };
        expect(encodeSignatureList(signatures)).toEqual(encodeWithProtobufjs('TEKSignatureList', message));
      }),
    );
  });
});

describe('a key record', () => {
  const plain = { start: 1, period: 144, risk: 0, reportType: 0, onset: null };
  const body = (change: Partial<Row>): string => {
    const row = sampleRow(1, { ...plain, key: Buffer.alloc(16), ...change });
    return encodeRows('keys', [row])
      .subarray(2 + 18)
      .toString('hex');
  };

  it('always has the risk, even 0, and leaves the full day out', () => {
    expect(body({})).toBe('10001801');
  });

  it('leaves a start out only when it is 0', () => {
    expect(body({ start: 0 })).toBe('1000');
  });

  it('has each period but 144, 0 too', () => {
    expect(body({ period: 143 })).toBe('10001801208f01');
    expect(body({ period: 0 })).toBe('100018012000');
  });

  it('has onset 0, and leaves out only an onset that is not known', () => {
    expect(body({ onset: 0 })).toBe('100018013000');
    expect(body({ onset: -1 })).toBe('100018013001');
    expect(body({ onset: 14 })).toBe('10001801301c');
  });

  it('leaves an empty report type out', () => {
    expect(body({ reportType: 5 })).toBe('100018012805');
  });
});

describe('a sink', () => {
  it('takes as many keys as fit for sure, and the rest later', () => {
    const rows = Array.from({ length: 5 }, (_, index) => sampleRow(index));
    const block = blockOf(rows);
    const parts: Buffer[] = [];
    for (let row = 0; row < rows.length;) {
      const sink = { bytes: Buffer.alloc(2 * MAX_KEY_RECORD_BYTES), offset: 0 };
      row = encodeKeys(sink, block, { list: 'keys', from: row });
      parts.push(sink.bytes.subarray(0, sink.offset));
    }
    expect(parts).toHaveLength(3);
    expect(Buffer.concat(parts)).toEqual(encodeRows('keys', rows));
  });

  it('takes nothing when a largest key would not fit', () => {
    const sink = { bytes: Buffer.alloc(MAX_KEY_RECORD_BYTES - 1), offset: 0 };
    expect(encodeKeys(sink, blockOf([sampleRow(1)]), { list: 'keys', from: 0 })).toBe(0);
    expect(sink.offset).toBe(0);
  });
});

describe('a signature info', () => {
  it('leaves empty strings out', () => {
    expect(encodeSignatureInfo({ keyId: '', keyVersion: '' }).toString('hex')).toBe(
      `2a13${Buffer.from('1.2.840.10045.4.3.2').toString('hex')}`,
    );
  });
});
