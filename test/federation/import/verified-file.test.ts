/** Whatever is wrong with a file refuses it as a whole: each attack, and the edge that is still accepted. */
import { describe, expect, it } from 'vitest';
import { openVerifiedFile, type Trust } from '../../../src/federation/import/verified-file.ts';
import { decodeKeys } from '../../../src/domain/export-file/decode.ts';
import { readEntries } from '../../support/published-file.ts';
import { sampleRow, sampleSigner, sampleZip, type SampleSigner } from '../../support/export-file.ts';
import { makeZip } from '../../support/zip.ts';
import { foreignBin, header, signedZip } from './foreign-file.ts';

const now = new Date('2020-05-20T10:11:00Z');
const limits = { maxFileBytes: 100_000, maxKeys: 1000 };

function trust(signer: SampleSigner, change: Partial<Trust['publicKeys'][number]> = {}): Trust {
  const key = { keyId: '310', keyVersion: 'v1', publicKeyPem: signer.publicKeyPem, from: new Date(0), thru: null };
  return { publicKeys: [{ ...key, ...change }], now };
}

async function refusal(zip: Buffer, trusted: Trust, limited = limits): Promise<string> {
  try {
    await openVerifiedFile(zip, trusted, limited);
  } catch (error) {
    expect(error).toMatchObject({ kind: 'invalid' });
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  return 'accepted';
}

/** Two entries of a sound file, for the attacker to change. */
async function entriesOf(signer: SampleSigner): Promise<{ bin: Buffer; sig: Buffer }> {
  const entries = await readEntries(await sampleZip({ signers: [signer] }));
  return { bin: entries.get('export.bin')!, sig: entries.get('export.sig')! };
}

function zipOf(bin: Buffer, sig: Buffer): Buffer {
  return makeZip([
    { name: 'export.bin', content: bin },
    { name: 'export.sig', content: sig },
  ]);
}

/** Somebody whom we trust, and who writes whatever he likes. */
function trustedWriter(): { trusted: Trust; write: (bin: Buffer) => Promise<Buffer> } {
  const signer = sampleSigner();
  return { trusted: trust(signer), write: (bin) => signedZip(bin, signer) };
}

describe('a signed file', () => {
  it('is accepted, also when a second signature is of nobody whom we know', async () => {
    const signer = sampleSigner();
    const zip = await sampleZip({ signers: [sampleSigner('999'), signer] });
    const bin = await openVerifiedFile(zip, trust(signer), limits);
    expect([...decodeKeys(bin, 'keys')].map(({ key }) => key)).toEqual([sampleRow(1).key, sampleRow(2).key]);
  });

  it('is accepted from the first moment of its key on, and up to the last', async () => {
    const signer = sampleSigner();
    const zip = await sampleZip({ signers: [signer] });
    const later = (ms: number) => new Date(now.getTime() + ms);
    expect(await refusal(zip, trust(signer, { from: now }))).toBe('accepted');
    expect(await refusal(zip, trust(signer, { from: later(1) }))).toBe(
      'signature_invalid: no signature holds: 310/v1 is not valid yet',
    );
    expect(await refusal(zip, trust(signer, { thru: later(1) }))).toBe('accepted');
    expect(await refusal(zip, trust(signer, { thru: now }))).toBe(
      'signature_invalid: no signature holds: 310/v1 is not valid any more',
    );
  });

  it('may have other entries beside its own', async () => {
    const signer = sampleSigner();
    const { bin, sig } = await entriesOf(signer);
    const entries = [
      { name: 'README', content: Buffer.from('hello') },
      { name: 'export.sig', content: sig },
      { name: 'export.bin', content: bin },
      { name: 'export.bin', content: Buffer.from('EK Export v1    and other keys') },
    ];
    expect((await openVerifiedFile(makeZip(entries), trust(signer), limits)).equals(bin)).toBe(true);
  });
});

describe('a file is refused', () => {
  it('when the signature is by another key of the same name', async () => {
    const zip = await sampleZip({ signers: [sampleSigner()] });
    expect(await refusal(zip, trust(sampleSigner()))).toBe(
      'signature_invalid: no signature holds: the one of 310/v1 is wrong',
    );
  });

  it.each([{ keyVersion: 'v2' }, { keyId: '311' }])('when its key is not under publicKeys (%j)', async (change) => {
    const signer = sampleSigner();
    const zip = await sampleZip({ signers: [signer] });
    expect(await refusal(zip, trust(signer, change))).toBe(
      'signature_invalid: no signature holds: made with a key that is not under publicKeys',
    );
  });

  it('when any byte of export.bin is another', async () => {
    const signer = sampleSigner();
    const { bin, sig } = await entriesOf(signer);
    for (const at of [0, 15, 16, 40, bin.length - 1]) {
      const changed = Buffer.from(bin);
      changed[at]! ^= 1;
      expect(await refusal(zipOf(changed, sig), trust(signer))).toContain('signature_invalid');
    }
  });

  it('when a signature of another file was put to it', async () => {
    const signer = sampleSigner();
    const other = await readEntries(await sampleZip({ rows: [sampleRow(9)], signers: [signer] }));
    const { bin } = await entriesOf(signer);
    expect(await refusal(zipOf(bin, other.get('export.sig')!), trust(signer))).toContain('is wrong');
  });

  it('when it is not signed, or export.sig is garbage', async () => {
    const signer = sampleSigner();
    const { bin } = await entriesOf(signer);
    expect(await refusal(zipOf(bin, Buffer.alloc(0)), trust(signer))).toBe(
      'signature_invalid: no signature holds: it has none',
    );
    expect(await refusal(zipOf(bin, Buffer.from('garbage')), trust(signer))).toContain('export_file_invalid');
    expect(await refusal(makeZip([{ name: 'export.bin', content: bin }]), trust(signer))).toBe(
      'export_file_invalid: has no export.bin or no export.sig',
    );
  });

  it('when good signatures hide behind 64 others', async () => {
    const signer = sampleSigner();
    const { bin, sig } = await entriesOf(signer);
    const foreign = Buffer.from('0a00', 'hex');
    const hidden = (count: number) => zipOf(bin, Buffer.concat([...Array<Buffer>(count).fill(foreign), sig]));
    expect(await refusal(hidden(63), trust(signer))).toBe('accepted');
    expect(await refusal(hidden(64), trust(signer))).toContain('signature_invalid');
  });

  it('when export.bin inflates to more than four times the largest file', async () => {
    const { trusted, write } = trustedWriter();
    const bomb = (size: number) => write(Buffer.concat([header, Buffer.alloc(size)]));
    expect(await refusal(await bomb(400_001 - 16), trusted)).toBe('export_file_invalid: export.bin is too large');
    expect(await refusal(await bomb(400_000 - 16), trusted)).toContain('a field without a number');
  });

  it.each([0, 1, 15])('when its signed export.bin has %d bytes', async (length) => {
    const { trusted, write } = trustedWriter();
    const bin = header.subarray(0, length);
    expect(await refusal(await write(bin), trusted)).toBe(
      'export_file_invalid: export.bin does not begin with "EK Export v1    "',
    );
  });

  it('when its signed export.bin ends in the middle of a key', async () => {
    const { trusted, write } = trustedWriter();
    const bin = Buffer.concat([header, Buffer.from('3a0a0a10', 'hex')]);
    expect(await refusal(await write(bin), trusted)).toContain('ends in the middle of a field');
    const inner = Buffer.concat([header, Buffer.from('3a020a10', 'hex')]);
    expect(await refusal(await write(inner), trusted)).toContain('ends in the middle of a field');
  });

  it('when it has more keys than are taken', async () => {
    const { trusted, write } = trustedWriter();
    const row = { keyData: Buffer.alloc(0) };
    const keys = (count: number) =>
      write(foreignBin({ keys: Array<typeof row>(count - 1).fill(row), revisedKeys: [row] }));
    expect(await refusal(await keys(1000), trusted)).toBe('accepted');
    expect(await refusal(await keys(1001), trusted)).toBe('export_file_invalid: has more than 1000 keys');
  });

  it('when it is no zip', async () => {
    expect(await refusal(Buffer.from('<html>'), trust(sampleSigner()))).toContain('is no zip');
  });
});
