/** What `enmesh dev` makes and keeps. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureAuthorityKeys, ensureRevisionTokenAad } from '../../../src/cli/start/sample-authority.ts';
import { ConfigurationError } from '../../../src/platform/config/load.ts';

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'enmesh-sample-'));
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true }) };
}

test('the AAD is made once, also by several at the same time', async () => {
  await using dir = await folder();
  const made = await Promise.all(Array.from({ length: 5 }, () => ensureRevisionTokenAad(dir.path)));
  expect(new Set(made.map((aad) => Buffer.from(aad).toString('hex'))).size).toBe(1);
  expect(made[0]).toHaveLength(32);
  expect((await stat(join(dir.path, 'revision-token-aad'))).mode & 0o777).toBe(0o600);
  expect(await readdir(dir.path)).toEqual(['revision-token-aad']);
});

test.for(['', '\n', 'no base64!'])('an AAD file that holds %j is refused with the cure, and kept', async (text) => {
  await using dir = await folder();
  const path = join(dir.path, 'revision-token-aad');
  await writeFile(path, text);
  const refused = ensureRevisionTokenAad(dir.path);
  await expect(refused).rejects.toThrow(ConfigurationError);
  await expect(refused).rejects.toThrow(/empty or damaged: restore it/);
  expect(await readFile(path, 'utf8')).toBe(text);
});

test('a public key that was not written any more follows from the private one', async () => {
  await using dir = await folder();
  await ensureAuthorityKeys(dir.path);
  const [privateFile, publicFile] = ['private.pem', 'public.pem'].map((name) => join(dir.path, 'authority', name));
  const before = [await readFile(privateFile!, 'utf8'), await readFile(publicFile!, 'utf8')];
  await rm(publicFile!);
  await ensureAuthorityKeys(dir.path);
  expect([await readFile(privateFile!, 'utf8'), await readFile(publicFile!, 'utf8')]).toEqual(before);
  expect(createPublicKey(createPrivateKey(before[0]!)).export({ type: 'spki', format: 'pem' })).toBe(before[1]);
  expect((await stat(privateFile!)).mode & 0o777).toBe(0o600);
});
