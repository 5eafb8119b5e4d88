/** What somebody else's tools say of our files: openssl verifies the signature, unzip the container. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readExportFile } from '../../src/cli/export-file/read.ts';
import { sampleRow, sampleSigner, sampleZip, temporaryFolder } from '../support/export-file.ts';

function isMissing(tool: string, argument: string): boolean {
  const missing = spawnSync(tool, [argument]).error !== undefined;
  if (missing) console.warn(`${tool} is not installed: its test is skipped`);
  return missing;
}

function run(tool: string, ...words: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(tool, words, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

const signer = sampleSigner();
const sample = { rows: Array.from({ length: 1000 }, (_, number) => sampleRow(number)), signers: [signer] };

describe.skipIf(isMissing('openssl', 'version'))('openssl', () => {
  it('verifies our signature over export.bin, and refuses it over anything else', async () => {
    await using folder = await temporaryFolder();
    const { bin, signatures } = await readExportFile(await sampleZip(sample));
    const paths = { key: 'public.pem', signature: 'signature.der', bin: 'export.bin', other: 'other.bin' };
    const path = (name: keyof typeof paths): string => join(folder.path, paths[name]);
    await writeFile(path('key'), signer.publicKeyPem);
    await writeFile(path('signature'), signatures.signatures[0]!.signature);
    await writeFile(path('bin'), bin);
    await writeFile(path('other'), bin.subarray(16));

    const words = ['dgst', '-sha256', '-verify', path('key'), '-signature', path('signature')];
    expect(run('openssl', ...words, path('bin'))).toEqual({ status: 0, output: 'Verified OK\n' });
    expect(run('openssl', ...words, path('other')).status).toBe(1);
  });
});

describe.skipIf(isMissing('unzip', '-v'))('unzip', () => {
  it('finds no errors in our zip and gives back export.bin', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file.zip');
    const zip = await sampleZip(sample);
    await writeFile(path, zip);
    expect(run('unzip', '-t', path)).toMatchObject({ status: 0 });
    const { bin } = await readExportFile(zip);
    expect(spawnSync('unzip', ['-p', path, 'export.bin']).stdout.equals(bin)).toBe(true);
  });
});
