/** Keys in files. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../src/platform/clock.ts';
import { FilesystemKeyManager } from '../../../src/platform/key-manager/filesystem.ts';
import { signDigest } from '../../../src/platform/key-manager/sign-digest.ts';
import { keyManagerSuite, sha256 } from './key-manager-suite.ts';

keyManagerSuite('keys in files, as every key manager', async () => {
  const keys = await folder();
  return { manager: new FilesystemKeyManager(keys.dir), [Symbol.asyncDispose]: keys[Symbol.asyncDispose] };
});

const aad = Buffer.from('aad');

async function folder() {
  const parent = await mkdtemp(join(tmpdir(), 'enmesh-keys-'));
  return { dir: join(parent, 'keys'), [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }) };
}

test('a digest that is signed verifies as the signature of its message', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  const { version, publicKeyPem } = await manager.createSigningKey('export-signing');
  const signature = await manager.sign('export-signing', version, sha256('message'));
  expect(verify('sha256', Buffer.from('message'), publicKeyPem, signature)).toBe(true);
  expect(verify('sha256', Buffer.from('other'), publicKeyPem, signature)).toBe(false);
});

test('signatures verify for many keys and messages', () => {
  for (let round = 0; round < 100; round += 1) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const message = randomBytes(round);
    expect(verify('sha256', message, publicKey, signDigest(privateKey, sha256(message)))).toBe(true);
  }
});

test('a digest signed twice gives the same signature, and another digest shares nothing with it', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [one, again, other] = ['x', 'x', 'y'].map((text) => Buffer.from(signDigest(privateKey, sha256(text))));
  expect(again).toEqual(one);
  expect(other?.subarray(4, 30)).not.toEqual(one?.subarray(4, 30));
});

test.for([0, 31, 33, 64])('a digest of %i bytes is refused', (length) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  expect(() => signDigest(privateKey, new Uint8Array(length))).toThrow(RangeError);
});

test('a signing key that exists is left alone, and another process finds it', async () => {
  await using keys = await folder();
  const first = await new FilesystemKeyManager(keys.dir).createSigningKey('a');
  expect(await new FilesystemKeyManager(keys.dir).createSigningKey('a')).toEqual(first);
  expect(await new FilesystemKeyManager(keys.dir).signingKeyVersions('a')).toEqual([first]);
});

test('processes that make the same key at once end with one key', async () => {
  await using keys = await folder();
  const made = await Promise.all(
    Array.from({ length: 20 }, async () => await new FilesystemKeyManager(keys.dir).createSigningKey('a')),
  );
  expect(new Set(made.map(({ publicKeyPem }) => publicKeyPem)).size).toBe(1);
  expect(await readdir(keys.dir)).toEqual(['a']);
});

test('real processes that make the same key at once end with one key', async () => {
  await using keys = await folder();
  const module = new URL('../../../src/platform/key-manager/filesystem.ts', import.meta.url).href;
  const script = `const { FilesystemKeyManager } = await import(${JSON.stringify(module)});
    console.log((await new FilesystemKeyManager(process.argv[1]).createSigningKey('a')).publicKeyPem)`;
  const run = async () => await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, keys.dir]);
  const [one, other] = await Promise.all([run(), run()]);
  expect(one.stdout).toContain('PUBLIC KEY');
  expect(other.stdout).toBe(one.stdout);
});

test('processes that make the same encryption key at once open what the others sealed', async () => {
  await using keys = await folder();
  const managers = Array.from({ length: 8 }, () => new FilesystemKeyManager(keys.dir));
  await Promise.all(managers.map(async (manager) => await manager.createEncryptionKey('a')));
  const sealed = await managers[0]!.encrypt('a', Buffer.from('text'), aad);
  for (const manager of managers) expect(Buffer.from(await manager.decrypt('a', sealed, aad)).toString()).toBe('text');
});

test('new versions come first, also when the clock stands still or goes back, and at the same time', async () => {
  await using keys = await folder();
  const clock = new ManualClock(new Date('2026-01-31T23:59:59.999Z'));
  const manager = new FilesystemKeyManager(keys.dir, clock);
  const first = await manager.createSigningKey('a');
  expect(first).toMatchObject({ version: 'v20260131T235959999Z', createdAt: clock.now() });
  const second = await manager.createSigningKeyVersion('a');
  clock.advance(-60_000);
  const third = await manager.createSigningKeyVersion('a');
  const versions = (await manager.signingKeyVersions('a')).map(({ version }) => version);
  expect(versions).toEqual([third.version, second.version, first.version]);
  const more = await Promise.all(Array.from({ length: 5 }, async () => await manager.createSigningKeyVersion('a')));
  expect(new Set(more.map(({ version }) => version)).size).toBe(5);
  expect(await manager.signingKeyVersions('a')).toHaveLength(8);
});

test('an old version still signs', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  const old = await manager.createSigningKey('a');
  await manager.createSigningKeyVersion('a');
  const signature = await manager.sign('a', old.version, sha256('x'));
  expect(verify('sha256', Buffer.from('x'), old.publicKeyPem, signature)).toBe(true);
});

test('what is sealed opens with the same data alone', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  await manager.createEncryptionKey('a');
  const sealed = await manager.encrypt('a', Buffer.from('text'), aad);
  expect(Buffer.from(sealed).includes('text')).toBe(false);
  expect(Buffer.from(await manager.decrypt('a', sealed, aad)).toString()).toBe('text');
  await expect(manager.decrypt('a', sealed, Buffer.from('other'))).rejects.toMatchObject({ code: 'cannot_decrypt' });
  for (let at = 21; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed);
    changed[at]! ^= 1;
    await expect(manager.decrypt('a', changed, aad)).rejects.toMatchObject({ code: 'cannot_decrypt' });
  }
  expect(await manager.encrypt('a', Buffer.from('text'), aad)).not.toEqual(sealed);
});

test('nothing at all can be sealed and opened', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  await manager.createEncryptionKey('a');
  const sealed = await manager.encrypt('a', new Uint8Array(), new Uint8Array());
  expect(await manager.decrypt('a', sealed, new Uint8Array())).toHaveLength(0);
});

test('cut off, empty and foreign ciphertexts are refused', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  await manager.createEncryptionKey('a');
  const sealed = await manager.encrypt('a', Buffer.from('t'), aad);
  for (const length of [0, 1, 20, 33, sealed.length - 1]) {
    await expect(manager.decrypt('a', sealed.subarray(0, length), aad)).rejects.toMatchObject({
      code: 'cannot_decrypt',
    });
  }
  const foreign = Buffer.from(sealed);
  foreign.write('../../../etc/passwd!', 1);
  await expect(manager.decrypt('a', foreign, aad)).rejects.toMatchObject({ code: 'key_not_found' });
});

test('a ciphertext names its version, so that it opens after a new version was added', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  await manager.createEncryptionKey('a');
  const sealed = await manager.encrypt('a', Buffer.from('old'), aad);
  const newest = join(keys.dir, 'a', 'v29990101T000000000Z');
  await writeFile(newest, randomBytes(32), { mode: 0o600 });
  const sealedLater = await manager.encrypt('a', Buffer.from('new'), aad);
  expect(Buffer.from(sealedLater).toString('latin1', 1, 21)).toBe('v29990101T000000000Z');
  expect(Buffer.from(await manager.decrypt('a', sealed, aad)).toString()).toBe('old');
  expect(Buffer.from(await manager.decrypt('a', sealedLater, aad)).toString()).toBe('new');
});

test.for(['a', '0', 'a'.repeat(63), 'a.b_c-d'])('the key name %s is accepted', async (name) => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  await manager.createEncryptionKey(name);
  expect((await manager.listKeys()).map((key) => key.name)).toEqual([name]);
});

test.for(['', 'A', '.', '..', '../x', 'a/b', 'a\\b', '-a', '_a', 'a'.repeat(64), 'a\0', 'ä', 'a b'])(
  'the key name %j is refused',
  async (name) => {
    await using keys = await folder();
    const manager = new FilesystemKeyManager(keys.dir);
    const refusal = { kind: 'invalid', code: 'invalid_key_name' };
    await expect(manager.createSigningKey(name)).rejects.toMatchObject(refusal);
    await expect(manager.createEncryptionKey(name)).rejects.toMatchObject(refusal);
    await expect(manager.sign(name, 'v20260101T000000000Z', sha256('x'))).rejects.toMatchObject(refusal);
    expect(await manager.listKeys()).toEqual([]);
  },
);

test('keys are listed with purpose and versions', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  expect(await manager.listKeys()).toEqual([]);
  await manager.createEncryptionKey('token');
  const { version } = await manager.createSigningKey('export');
  expect(await manager.listKeys()).toEqual([
    { name: 'export', purpose: 'signing', versions: [version] },
    { name: 'token', purpose: 'encryption', versions: [expect.any(String)] },
  ]);
});

test('what does not exist is key_not_found', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  const missing = { kind: 'precondition', code: 'key_not_found' };
  await expect(manager.sign('a', 'v20260101T000000000Z', sha256('x'))).rejects.toMatchObject(missing);
  await expect(manager.createSigningKeyVersion('a')).rejects.toMatchObject(missing);
  await expect(manager.signingKeyVersions('a')).rejects.toMatchObject(missing);
  await expect(manager.encrypt('a', aad, aad)).rejects.toMatchObject(missing);
  await manager.createSigningKey('a');
  for (const version of ['v20200101T000000000Z', 'purpose', '../a/purpose', '']) {
    await expect(manager.sign('a', version, sha256('x'))).rejects.toMatchObject(missing);
  }
});

test('a key is used for its purpose alone', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  const { version } = await manager.createSigningKey('signing');
  await manager.createEncryptionKey('encryption');
  const refusal = { kind: 'precondition', code: 'wrong_key_purpose' };
  await expect(manager.encrypt('signing', aad, aad)).rejects.toMatchObject(refusal);
  await expect(manager.createEncryptionKey('signing')).rejects.toMatchObject(refusal);
  await expect(manager.createSigningKey('encryption')).rejects.toMatchObject(refusal);
  await expect(manager.sign('encryption', version, sha256('x'))).rejects.toMatchObject(refusal);
});

test.skipIf(process.platform === 'win32')('folders are 0700, files 0600', async () => {
  await using keys = await folder();
  await new FilesystemKeyManager(keys.dir).createSigningKey('a');
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
  expect(await modeOf(keys.dir)).toBe(0o700);
  expect(await modeOf(join(keys.dir, 'a'))).toBe(0o700);
  for (const file of await readdir(join(keys.dir, 'a'))) expect(await modeOf(join(keys.dir, 'a', file))).toBe(0o600);
});

test.skipIf(process.platform === 'win32').for([0o640, 0o604, 0o620, 0o610])(
  'a key file with the mode %o is refused with the cure',
  async (mode) => {
    await using keys = await folder();
    const { version } = await new FilesystemKeyManager(keys.dir).createSigningKey('a');
    await chmod(join(keys.dir, 'a', version), mode);
    const refusal = new FilesystemKeyManager(keys.dir).sign('a', version, sha256('x'));
    await expect(refusal).rejects.toMatchObject({ kind: 'precondition', code: 'key_file_exposed' });
    await expect(refusal).rejects.toThrow(/chmod 600/);
    await chmod(join(keys.dir, 'a', version), 0o400);
    await new FilesystemKeyManager(keys.dir).sign('a', version, sha256('x'));
  },
);

test('a damaged key file is refused without its content', async () => {
  await using keys = await folder();
  const manager = new FilesystemKeyManager(keys.dir);
  const { version } = await manager.createSigningKey('a');
  const path = join(keys.dir, 'a', version);
  const pem = await readFile(path, 'utf8');
  await writeFile(path, pem.replace(/\n(.{10})/, '\nsecret!!!!'));
  const error: unknown = await new FilesystemKeyManager(keys.dir)
    .sign('a', version, sha256('x'))
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ kind: 'precondition', code: 'key_unusable' });
  expect((error as Error).cause).toBeUndefined();
});

test('a folder that cannot be used is unavailable', async () => {
  await using keys = await folder();
  await writeFile(keys.dir, 'a file');
  const refusal = { kind: 'unavailable', code: 'key_manager_unavailable' };
  await expect(new FilesystemKeyManager(keys.dir).createSigningKey('a')).rejects.toMatchObject(refusal);
});
