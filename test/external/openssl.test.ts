/** What somebody else's tools say of our files: openssl verifies the signature, unzip the container. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleRow, sampleSigner, sampleZip, temporaryFolder } from '../support/export-file.ts';
import { downloadFile, eventually, readIndex } from '../support/download.ts';
import { Playground } from '../support/enmesh.ts';
import { decodeExport, decodeSignatures, readEntries } from '../support/published-file.ts';
import { run, tool, type Ran } from './tools.ts';

/** What openssl says of the first signature of a zip over its `export.bin`, and over all of that but 16 bytes. */
async function verifyWithOpenssl(openssl: string, zip: Buffer, publicKeyPem: string): Promise<[Ran, Ran]> {
  await using folder = await temporaryFolder();
  const path = (name: string): string => join(folder.path, name);
  const entries = await readEntries(zip);
  const bin = entries.get('export.bin')!;
  await writeFile(path('public.pem'), publicKeyPem);
  await writeFile(path('signature.der'), decodeSignatures(entries.get('export.sig')!)[0]!);
  await writeFile(path('export.bin'), bin);
  await writeFile(path('other.bin'), bin.subarray(16));
  const words = ['dgst', '-sha256', '-verify', path('public.pem'), '-signature', path('signature.der')];
  return [run(openssl, ...words, path('export.bin')), run(openssl, ...words, path('other.bin'))];
}

const signer = sampleSigner();
const sample = { rows: Array.from({ length: 1000 }, (_, number) => sampleRow(number)), signers: [signer] };

describe('openssl', () => {
  it('verifies our signature over export.bin, and refuses it over anything else', async (context) => {
    const openssl = tool(context, 'openssl');
    const [ours, other] = await verifyWithOpenssl(openssl, await sampleZip(sample), signer.publicKeyPem);
    expect(ours).toEqual({ status: 0, output: 'Verified OK\n' });
    expect(other.status).toBe(1);
  });

  it('verifies what phones download from a running installation', { timeout: 120_000 }, async (context) => {
    const openssl = tool(context, 'openssl');
    await using playground = await Playground.open();
    const dev = playground.start(['dev']);
    await dev.prints(/^ready$/m);
    expect(await playground.run('publish', '--keys', '14')).toMatchObject({ code: 0 });
    const [name] = await eventually(async () => {
      const names = await readIndex(playground.gatewayUrl, 'aa');
      return names.length > 0 && names;
    }, 60);
    const zip = await downloadFile(playground.gatewayUrl, name!);
    const response = await fetch(`${playground.gatewayUrl}/exports/aa/keys.json`);
    const { keys } = (await response.json()) as { keys: { publicKeyPem: string }[] };

    const [ours, other] = await verifyWithOpenssl(openssl, zip, keys[0]!.publicKeyPem);
    expect(ours).toEqual({ status: 0, output: 'Verified OK\n' });
    expect(other.status).toBe(1);
    const { region, keys: exported } = decodeExport((await readEntries(zip)).get('export.bin')!);
    expect(region).toBe('AA');
    expect(exported.length).toBeGreaterThanOrEqual(14);
  });
});

describe('unzip', () => {
  it('finds no errors in our zip and gives back export.bin', async (context) => {
    const unzip = tool(context, 'unzip');
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file.zip');
    const zip = await sampleZip(sample);
    await writeFile(path, zip);
    expect(run(unzip, '-t', path)).toMatchObject({ status: 0 });
    const bin = (await readEntries(zip)).get('export.bin')!;
    expect(spawnSync(unzip, ['-p', path, 'export.bin']).stdout.equals(bin)).toBe(true);
  });
});
