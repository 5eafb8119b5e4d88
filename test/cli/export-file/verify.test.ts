/** Verification of one file: the deployed server's example passes, each fault is named. */
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VerificationKey } from '../../../src/cli/export-file/public-keys.ts';
import { readExportFile } from '../../../src/cli/export-file/read.ts';
import { verifyFile, type FileReport } from '../../../src/cli/export-file/verify.ts';
import { encodeHeader } from '../../../src/domain/export-file/encode-header.ts';
import { encodeKeys } from '../../../src/domain/export-file/encode-keys.ts';
import { encodeSignatureList } from '../../../src/domain/export-file/encode-signatures.ts';
import { centralDirectory, dataDescriptor, localHeader } from '../../../src/export/file/zip-headers.ts';
import {
  blockOf,
  sampleHeader,
  sampleRow,
  sampleSigner,
  sampleZip,
  signBytes,
  type Row,
} from '../../support/export-file.ts';

const example = join(import.meta.dirname, '../../vectors/google-example');
const signer = sampleSigner();
/** The interval in which the file's window of four hours begins. */
const windowStart = sampleHeader.startTimestamp.getTime() / 600_000;
const named = { key: signer.publicKey, id: signer.info, listed: null };

async function reportOf(zip: Buffer, keys: readonly VerificationKey[] = [named]): Promise<FileReport> {
  return (await verifyFile('file.zip', zip, keys)).report;
}

/** A zip of any entries, also such as our writer refuses to write. */
function zipOf(entries: readonly (readonly [string, Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const written = entries.map(([name, bytes]) => {
    const offset = Buffer.concat(parts).length;
    const data = deflateRawSync(bytes);
    const entry = { name, offset, crc32: crc32(bytes), compressedSize: data.length, size: bytes.length };
    parts.push(localHeader(name), data, dataDescriptor(entry));
    return entry;
  });
  return Buffer.concat([...parts, centralDirectory(written, Buffer.concat(parts).length)]);
}

function binOf(rows: readonly Row[], keyLength = 16): Buffer {
  const sink = { bytes: Buffer.alloc(rows.length * 64), offset: 0 };
  encodeKeys(sink, blockOf(rows), { list: 'keys', from: 0, keyLength });
  return Buffer.concat([encodeHeader(sampleHeader, [signer.info]), sink.bytes.subarray(0, sink.offset)]);
}

/** A well signed zip of this export.bin. */
async function signedZip(bin: Buffer, info = signer.info): Promise<Buffer> {
  const signature = await signBytes(signer, bin);
  return zipOf([
    ['export.bin', bin],
    ['export.sig', encodeSignatureList([{ info, signature }])],
  ]);
}

describe("the deployed server's example", () => {
  const zip = readFileSync(join(example, 'testExport-2-records-1-of-1.zip'));
  const key = createPublicKey(readFileSync(join(example, 'public.pem')));

  it('verifies with its public key', async () => {
    const report = await reportOf(zip, [{ key, id: null, listed: null }]);
    expect(report.faults).toEqual([]);
    expect(report.summary).toMatchObject({ keys: 2, revisedKeys: 0 });
    expect(report.summary?.signatures).toMatchObject([{ verdict: 'verified' }]);
  });

  it('holds the keys that its keys.json names', async () => {
    const { content } = await readExportFile(zip);
    const wanted = JSON.parse(readFileSync(join(example, 'keys.json'), 'utf8')).temporaryExposureKeys as {
      key: string;
    }[];
    expect(content.keys.map((each) => each.key.toString('base64')).toSorted()).toEqual(
      wanted.map((each) => each.key).toSorted(),
    );
  });
});

describe('a sound file', () => {
  it('has no faults, and says what it holds', async () => {
    const zip = await sampleZip({
      rows: [sampleRow(1), sampleRow(2)],
      revisedRows: [sampleRow(1, { reportType: 5, onset: null })],
      signers: [signer],
    });
    expect(await reportOf(zip)).toEqual({
      file: 'file.zip',
      faults: [],
      summary: {
        start: sampleHeader.startTimestamp.getTime() / 1000,
        end: sampleHeader.endTimestamp.getTime() / 1000,
        region: 'AA',
        keys: 2,
        revisedKeys: 1,
        signatures: [{ keyId: '310', keyVersion: 'v1', verdict: 'verified' }],
      },
    });
  });

  it('needs only one of its signatures verified, when the other keys were not given', async () => {
    const zip = await sampleZip({ signers: [signer, sampleSigner('310', 'v0')] });
    const report = await reportOf(zip);
    expect(report.faults).toEqual([]);
    expect(report.summary?.signatures.map(({ verdict }) => verdict)).toEqual(['verified', 'unknown']);
  });

  it('may be verified with keys that name no signature', async () => {
    const zip = await sampleZip({ signers: [signer] });
    const bare = [sampleSigner().publicKey, signer.publicKey].map((key) => ({ key, id: null, listed: null }));
    expect((await reportOf(zip, bare)).faults).toEqual([]);
  });

  it.each([
    ['period', { period: 1 }],
    ['risk', { risk: 8 }],
    ['onset', { onset: -14 }],
    ['onset', { onset: 14 }],
    ['start, the last before the end', { start: windowStart + 23 }],
    ['start, 16 days before', { start: windowStart - 16 * 144 }],
  ])('may have the last allowed %s', async (_, change) => {
    expect((await reportOf(await sampleZip({ rows: [sampleRow(1, change)], signers: [signer] }))).faults).toEqual([]);
  });
});

describe('a signature', () => {
  it('of another key of the same name is wrong', async () => {
    const zip = await sampleZip({ signers: [sampleSigner()] });
    expect((await reportOf(zip)).faults).toEqual([
      'signature 310/v1: is wrong',
      'no signature verifies with the given keys',
    ]);
  });

  it('is made by a key that keys.json lists, where that was given', async () => {
    const zip = await sampleZip({ signers: [signer, sampleSigner('311', 'v1')] });
    const listed = [{ ...named, listed: { thru: null } }];
    expect((await reportOf(zip, listed)).faults).toEqual(['signature 311/v1: its key is not in keys.json']);
  });

  it('is made after the end of the window, so by a key that had not ended then', async () => {
    const zip = await sampleZip({ signers: [signer] });
    const end = sampleHeader.endTimestamp.getTime();
    const endedAt = async (thru: number) => await reportOf(zip, [{ ...named, listed: { thru: new Date(thru) } }]);
    expect((await endedAt(end + 1)).faults).toEqual([]);
    expect((await endedAt(end)).faults).toEqual([
      'signature 310/v1: its key had ended before the window did, as keys.json says',
    ]);
  });

  it('of a key that was not given does not verify a file', async () => {
    const zip = await sampleZip({ signers: [sampleSigner('311', 'v1')] });
    expect((await reportOf(zip)).faults).toEqual(['no signature verifies with the given keys']);
  });

  it('is wrong as soon as a byte of export.bin is another', async () => {
    const { bin, signatures } = await readExportFile(await sampleZip({ signers: [signer] }));
    const changed = Buffer.from(bin);
    changed[bin.length - 1]! ^= 2;
    const sig = encodeSignatureList([{ info: signer.info, signature: signatures.signatures[0]!.signature }]);
    const zip = zipOf([
      ['export.bin', changed],
      ['export.sig', sig],
    ]);
    expect((await reportOf(zip)).faults).toContain('signature 310/v1: is wrong');
  });

  it('is wrong as soon as a byte of its own is another, wherever', async () => {
    const { bin, signatures } = await readExportFile(await sampleZip({ signers: [signer] }));
    const { signature } = signatures.signatures[0]!;
    for (const at of [0, 5, signature.length - 1]) {
      const changed = Buffer.from(signature);
      changed[at]! ^= 1;
      const sig = encodeSignatureList([{ info: signer.info, signature: changed }]);
      const report = await reportOf(
        zipOf([
          ['export.bin', bin],
          ['export.sig', sig],
        ]),
      );
      expect(report.faults).toContain('signature 310/v1: is wrong');
    }
  });

  it('must be named alike in both entries', async () => {
    const zip = await signedZip(binOf([sampleRow(1)]), { keyId: '310', keyVersion: 'v2' });
    expect((await reportOf(zip)).faults).toContain('export.bin and export.sig name different signatures');
  });

  it('must be there', async () => {
    const zip = zipOf([
      ['export.bin', binOf([sampleRow(1)])],
      ['export.sig', Buffer.alloc(0)],
    ]);
    expect((await reportOf(zip)).faults).toContain('it is not signed');
  });
});

describe('a key', () => {
  it.each([
    ['rolling period 0 is not in 1..144', { period: 0 }],
    ['rolling period 145 is not in 1..144', { period: 145 }],
    ['transmission risk 9 is not in 0..8', { risk: 9 }],
    ['transmission risk -1 is not in 0..8', { risk: -1 }],
    ['report type 6 does not exist', { reportType: 6 }],
    ['days since onset 15 are not in -14..14', { onset: 15 }],
    ['days since onset -15 are not in -14..14', { onset: -15 }],
    ['has no start', { start: 0 }],
    ['starts after the end of the file', { start: windowStart + 24 }],
    ['starts too long before the file', { start: windowStart - 16 * 144 - 1 }],
  ])('is told: %s', async (fault, change) => {
    const zip = await sampleZip({ rows: [sampleRow(1), sampleRow(2, change)], signers: [signer] });
    expect((await reportOf(zip)).faults).toEqual([`key 2: ${fault}`]);
  });

  it('has 16 bytes', async () => {
    const report = await reportOf(await signedZip(binOf([sampleRow(1, { key: Buffer.from('ABC') })], 3)));
    expect(report.faults).toEqual(['key 1: has 3 bytes instead of 16']);
  });

  it('stands above the one before it', async () => {
    const report = await reportOf(await signedZip(binOf([sampleRow(2), sampleRow(1)])));
    expect(report.faults).toEqual(['key 2: is not above the one before it: the list is not sorted']);
  });

  it('is there once', async () => {
    const report = await reportOf(await signedZip(binOf([sampleRow(1), sampleRow(1)])));
    expect(report.faults).toEqual(['key 2: is there twice']);
  });

  it('is one of those whose faults are told; the rest are counted', async () => {
    const rows = Array.from({ length: 100 }, (_, number) => sampleRow(number, { period: 0 }));
    const { faults } = await reportOf(await sampleZip({ rows, signers: [signer] }));
    expect(faults).toHaveLength(21);
    expect(faults.at(-1)).toBe('and 80 more faults');
  });
});

describe('the structure', () => {
  it('has a window that starts before it ends, and a region', async () => {
    const header = { endTimestamp: sampleHeader.startTimestamp, region: '' };
    const zip = await sampleZip({ header, rows: [], signers: [signer] });
    expect((await reportOf(zip)).faults).toEqual(['its window does not start before it ends', 'it names no region']);
  });

  it('has two entries and no third, in their order', async () => {
    const { bin, signatures } = await readExportFile(await sampleZip({ signers: [signer] }));
    const sig = encodeSignatureList([{ info: signer.info, signature: signatures.signatures[0]!.signature }]);
    const fault = 'its entries are not just export.bin and export.sig, in this order';
    const [first, second] = [['export.bin', bin] as const, ['export.sig', sig] as const];
    expect((await reportOf(zipOf([first, second, ['more', Buffer.alloc(1)]]))).faults).toEqual([fault]);
    expect((await reportOf(zipOf([second, first]))).faults).toEqual([fault]);
    expect((await reportOf(zipOf([first]))).faults).toEqual(['has no entry export.sig']);
    expect((await reportOf(zipOf([second]))).faults).toEqual(['has no entry export.bin']);
  });

  it('has no unknown fields', async () => {
    const bin = Buffer.concat([binOf([sampleRow(1)]), Buffer.from('4a00', 'hex')]);
    expect((await reportOf(await signedZip(bin))).faults).toEqual(['export.bin: unknown field 9 (bytes)']);
  });

  it('has a batch number and size of 1', async () => {
    const bin = binOf([sampleRow(1)]);
    bin[bin.indexOf(Buffer.from('20012801', 'hex')) + 1] = 2;
    expect((await reportOf(await signedZip(bin))).faults).toEqual(['its batch number and size are not 1']);
  });

  it('is whole: a zip cut short anywhere is a fault, never a crash', async () => {
    const zip = await sampleZip({ signers: [signer] });
    for (let length = 0; length < zip.length; length += 7) {
      const { faults, summary } = await reportOf(zip.subarray(0, length));
      expect(faults).toEqual([expect.stringMatching(/^is no zip that can be read/)]);
      expect(summary).toBeNull();
    }
  });

  it('may be any bytes: a fault, never a crash', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (bytes) => {
        expect((await reportOf(Buffer.from(bytes))).faults).not.toEqual([]);
      }),
    );
  });

  it('may have any byte changed: a fault, or a byte that says nothing, never a crash', async () => {
    const zip = await sampleZip({ signers: [signer] });
    await fc.assert(
      fc.asyncProperty(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(zip);
        changed[at]! ^= change;
        await reportOf(changed);
      }),
    );
  });

  it('matches its checksum', async () => {
    const zip = await sampleZip({ signers: [signer] });
    const directory = zip.readUInt32LE(zip.length - 6);
    zip.writeUInt32LE(1, directory + 16);
    expect((await reportOf(zip)).faults).toEqual(['export.bin does not match its checksum']);
  });
});
