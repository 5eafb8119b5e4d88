/** What holds for every key manager, whoever keeps the keys. */
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { describe, expect, test, type TestContext } from 'vitest';
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';

/** A key manager without keys, for one test. */
export interface EmptyKeyManager extends AsyncDisposable {
  readonly manager: KeyManager;
}

/** In what a key manager, or what stands for it in the test, is allowed to differ. */
export interface Differences {
  /**
   * How a signature is verified; by default as that of the message whose SHA-256 was signed. moto hashes a digest once
   * more, which the real service does not.
   */
  readonly verifies?: (message: Uint8Array, publicKeyPem: string, signature: Uint8Array) => boolean;
  /** moto encrypts with any key. */
  readonly encryptsWithSigningKeys?: true;
}

const aad = Buffer.from('aad');

/** SHA-256. */
export function sha256(message: Uint8Array | string): Uint8Array {
  return createHash('sha256').update(message).digest();
}

/** Whether `signature` is one of the message whose SHA-256 was signed. */
export function isSignatureOf(message: Uint8Array, publicKeyPem: string, signature: Uint8Array): boolean {
  return verify('sha256', message, publicKeyPem, signature);
}

/** The suite. `open` gives a manager of its own to every test. */
export function keyManagerSuite(
  title: string,
  open: (context: TestContext) => Promise<EmptyKeyManager>,
  { verifies = isSignatureOf, encryptsWithSigningKeys }: Differences = {},
): void {
  const it = (sentence: string, run: (manager: KeyManager) => Promise<void>): void => {
    test(sentence, async (context) => {
      await using keys = await open(context);
      await run(keys.manager);
    });
  };

  describe(title, () => {
    it('a digest that is signed verifies with the public key of its version', async (manager) => {
      const { version, publicKeyPem, createdAt } = await manager.createSigningKey('export-signing');
      expect(createPublicKey(publicKeyPem).asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
      expect(createdAt.getTime()).toBeGreaterThan(0);
      const message = randomBytes(100);
      const signature = await manager.sign('export-signing', version, sha256(message));
      expect(verifies(message, publicKeyPem, signature)).toBe(true);
      expect(verifies(randomBytes(100), publicKeyPem, signature)).toBe(false);
    });

    it('a signing key that exists is left alone', async (manager) => {
      const first = await manager.createSigningKey('one');
      expect(await manager.createSigningKey('one')).toEqual(first);
      expect(await manager.signingKeyVersions('one')).toEqual([first]);
    });

    it('new versions come first, and old ones still sign, each with its own key', async (manager) => {
      const old = await manager.createSigningKey('one');
      const second = await manager.createSigningKeyVersion('one');
      const third = await manager.createSigningKeyVersion('one');
      expect(await manager.signingKeyVersions('one')).toEqual([third, second, old]);
      expect(new Set([old, second, third].map(({ publicKeyPem }) => publicKeyPem)).size).toBe(3);
      const message = randomBytes(20);
      for (const { version, publicKeyPem } of [old, second, third]) {
        expect(verifies(message, publicKeyPem, await manager.sign('one', version, sha256(message)))).toBe(true);
      }
      expect(verifies(message, third.publicKeyPem, await manager.sign('one', old.version, sha256(message)))).toBe(
        false,
      );
    });

    it('two who make the same key at once end with one key', async (manager) => {
      const [one, other] = await Promise.all([manager.createSigningKey('one'), manager.createSigningKey('one')]);
      expect(other).toEqual(one);
      expect(await manager.signingKeyVersions('one')).toHaveLength(1);
    });

    it('a digest that is not 32 bytes long is refused', async (manager) => {
      const { version } = await manager.createSigningKey('one');
      for (const length of [0, 31, 33, 64]) {
        await expect(manager.sign('one', version, new Uint8Array(length))).rejects.toThrow(RangeError);
      }
    });

    it('what is sealed opens with the same data alone', async (manager) => {
      await manager.createEncryptionKey('sealing');
      const sealed = await manager.encrypt('sealing', Buffer.from('text'), aad);
      expect(Buffer.from(sealed).includes('text')).toBe(false);
      expect(Buffer.from(await manager.decrypt('sealing', sealed, aad)).toString()).toBe('text');
      await expect(manager.decrypt('sealing', sealed, Buffer.from('other'))).rejects.toMatchObject({
        code: 'cannot_decrypt',
      });
    });

    it('a ciphertext that was changed does not open', async (manager) => {
      await manager.createEncryptionKey('sealing');
      const sealed = Buffer.from(await manager.encrypt('sealing', Buffer.from('text'), aad));
      sealed[sealed.length - 1]! ^= 1;
      await expect(manager.decrypt('sealing', sealed, aad)).rejects.toMatchObject({ code: 'cannot_decrypt' });
    });

    it('an encryption key that exists is left alone: what it sealed still opens', async (manager) => {
      await manager.createEncryptionKey('sealing');
      const sealed = await manager.encrypt('sealing', Buffer.from('text'), aad);
      await manager.createEncryptionKey('sealing');
      expect(Buffer.from(await manager.decrypt('sealing', sealed, aad)).toString()).toBe('text');
    });

    it('keys are found and listed with purpose and versions, newest first', async (manager) => {
      expect(await manager.listKeys()).toEqual([]);
      await manager.createEncryptionKey('token');
      const first = await manager.createSigningKey('export');
      const second = await manager.createSigningKeyVersion('export');
      const signing = { name: 'export', purpose: 'signing', versions: [second.version, first.version] };
      const encryption = { name: 'token', purpose: 'encryption', versions: [expect.any(String)] };
      expect(await manager.listKeys()).toEqual([signing, encryption]);
      expect(await manager.findKey('export')).toEqual(signing);
      expect(await manager.findKey('token')).toEqual(encryption);
      expect(await manager.findKey('other')).toBeUndefined();
    });

    it('what does not exist is key_not_found', async (manager) => {
      const missing = { kind: 'precondition', code: 'key_not_found' };
      const { version } = await manager.createSigningKey('other');
      await expect(manager.createSigningKeyVersion('one')).rejects.toMatchObject(missing);
      await expect(manager.signingKeyVersions('one')).rejects.toMatchObject(missing);
      await expect(manager.encrypt('one', aad, aad)).rejects.toMatchObject(missing);
      await expect(manager.decrypt('one', Buffer.alloc(100), aad)).rejects.toMatchObject(missing);
      for (const unknown of ['', 'x', '../other', `${version}9`]) {
        await expect(manager.sign('other', unknown, sha256('x'))).rejects.toMatchObject(missing);
      }
    });

    it('a key is used for its purpose alone', async (manager) => {
      const refusal = { kind: 'precondition', code: 'wrong_key_purpose' };
      await manager.createSigningKey('signing');
      await manager.createEncryptionKey('sealing');
      if (!encryptsWithSigningKeys) await expect(manager.encrypt('signing', aad, aad)).rejects.toMatchObject(refusal);
      await expect(manager.createEncryptionKey('signing')).rejects.toMatchObject(refusal);
      await expect(manager.createSigningKey('sealing')).rejects.toMatchObject(refusal);
      await expect(manager.createSigningKeyVersion('sealing')).rejects.toMatchObject(refusal);
      await expect(manager.signingKeyVersions('sealing')).rejects.toMatchObject(refusal);
    });

    it('a name that cannot be is refused', async (manager) => {
      const refusal = { kind: 'invalid', code: 'invalid_key_name' };
      for (const name of ['', 'a b', 'ä', 'a\n', '../up']) {
        await expect(manager.createSigningKey(name)).rejects.toMatchObject(refusal);
        await expect(manager.createEncryptionKey(name)).rejects.toMatchObject(refusal);
        await expect(manager.findKey(name)).rejects.toMatchObject(refusal);
        await expect(manager.sign(name, '1', sha256('x'))).rejects.toMatchObject(refusal);
      }
    });
  });
}
