/** Keys in Azure Key Vault. */
import { randomBytes } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { AzureKeyManager } from '../../../src/platform/key-manager/azure.ts';
import { derSignature } from '../../../src/platform/key-manager/azure-signature.ts';
import type { AzureKeyVaultSettings } from '../../../src/platform/key-manager/settings.ts';
import { FakeKeyVault, vaultFault, type VaultReply } from '../../support/azure-key-vault.ts';
import { isSignatureOf, keyManagerSuite, sha256 } from './key-manager-suite.ts';

const now = new Date('2026-03-15T13:00:00Z');

async function empty(change: Partial<AzureKeyVaultSettings> = {}) {
  const vault = await FakeKeyVault.start();
  const clock = new ManualClock(now);
  const access = vault.access();
  const settings = { vaultUrl: vault.url, protectionLevel: 'software', ...change } as const;
  const manager = new AzureKeyManager(settings, access, clock);
  return { vault, manager, clock, access, [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose]() };
}

/** The error and its private reason, as texts. */
async function faultOf(work: Promise<unknown>): Promise<{ error: AppError; reason: string }> {
  const error = await work.then(
    () => expect.unreachable('it was refused'),
    (fault: unknown) => fault,
  );
  expect(error).toBeInstanceOf(AppError);
  const { cause } = error as AppError;
  return { error: error as AppError, reason: cause instanceof Error ? cause.message : '' };
}

const seconds = (time: Date) => time.getTime() / 1000;

keyManagerSuite('Azure Key Vault', () => empty());

describe('r and s of Key Vault in DER', () => {
  const zero = '00'.repeat(32);
  const one = `${'00'.repeat(31)}01`;
  const high = `80${'00'.repeat(30)}01`;
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
  const orderLessOne = `${order.slice(0, -1)}0`;
  const der = (hex: string) => Buffer.from(derSignature(Buffer.from(hex, 'hex'))).toString('hex');

  test.for([
    ['are as short as they can be', one + one, '3006020101020101'],
    ['get a zero before a high bit', high + one, `3026022100${high}020101`],
    [
      'may be as large as the order less one',
      orderLessOne + orderLessOne,
      `3046022100${orderLessOne}022100${orderLessOne}`,
    ],
  ] as const)('%s', ([, raw, expected]) => {
    expect(der(raw)).toBe(expected);
  });

  test('lose leading zeros, but not that before a high bit', () => {
    expect(der(`007f${'00'.repeat(30)}${one}`)).toBe(`3024021f7f${'00'.repeat(30)}020101`);
    expect(der(`0080${'00'.repeat(30)}${one}`)).toBe(`302502200080${'00'.repeat(30)}020101`);
  });

  test.for([
    ['zero', zero + one],
    ['zero', one + zero],
    ['the order', order + one],
    ['the order', one + order],
  ] as const)('are refused when one is %s', ([, raw]) => {
    expect(() => der(raw)).toThrow();
  });

  test.for([0, 63, 65, 128])('are refused when they are %i bytes', (length) => {
    expect(() => derSignature(Buffer.alloc(length, 1))).toThrow();
  });

  test('verify as before, for many signatures', () => {
    for (let round = 0; round < 100; round += 1) {
      const { secretKey, publicKey } = p256.keygen();
      const digest = randomBytes(32);
      const raw = p256.sign(digest, secretKey, { prehash: false, lowS: false });
      expect(p256.verify(derSignature(raw), digest, publicKey, { prehash: false, lowS: false, format: 'der' })).toBe(
        true,
      );
    }
  });
});

describe('a signature of Key Vault', () => {
  test('is asked for as ES256 over the digest, from the version that is named', async () => {
    await using keys = await empty();
    const old = await keys.manager.createSigningKey('one');
    await keys.manager.createSigningKeyVersion('one');
    const signature = await keys.manager.sign('one', old.version, sha256('message'));
    expect(isSignatureOf(Buffer.from('message'), old.publicKeyPem, signature)).toBe(true);
    expect(keys.vault.seen(/\/sign$/)).toMatchObject([
      {
        path: `/keys/one/${old.version}/sign`,
        body: { alg: 'ES256', value: Buffer.from(sha256('message')).toString('base64url') },
      },
    ]);
  });

  test.for(['', 'AAAA', Buffer.alloc(64).toString('base64url'), Buffer.alloc(72, 1).toString('base64url')])(
    'that is none is refused: %j',
    async (value) => {
      await using keys = await empty();
      const { version } = await keys.manager.createSigningKey('one');
      keys.vault.interfere = ({ path }) =>
        path.endsWith('/sign') ? { status: 200, body: { kid: 'x', value } } : undefined;
      await expect(keys.manager.sign('one', version, sha256('x'))).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'key_manager_unavailable',
      });
    },
  );
});

describe('a key of Key Vault', () => {
  test.for([
    ['software', 'EC', 'RSA'],
    ['hsm', 'EC-HSM', 'RSA-HSM'],
  ] as const)('is made in %s for its purpose alone', async ([protectionLevel, signing, encryption]) => {
    await using keys = await empty({ protectionLevel });
    await keys.manager.createSigningKey('one');
    await keys.manager.createEncryptionKey('two');
    expect(keys.vault.keys.get('one')).toMatchObject([{ kty: signing, crv: 'P-256', keyOps: ['sign', 'verify'] }]);
    expect(keys.vault.keys.get('two')).toMatchObject([
      { kty: encryption, keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'] },
    ]);
    expect(await keys.manager.findKey('one')).toMatchObject({ purpose: 'signing' });
    expect(await keys.manager.findKey('two')).toMatchObject({ purpose: 'encryption' });
  });

  test('is given by its name, its identifier, or the identifier of one version', async () => {
    await using keys = await empty();
    const { manager, vault } = keys;
    const first = await manager.createSigningKey('one');
    const second = await manager.createSigningKeyVersion('one');
    const identifier = `${vault.url}/keys/one`;
    expect(await manager.signingKeyVersions(identifier)).toEqual([second, first]);
    const only = `${identifier}/${first.version}`;
    expect(await manager.signingKeyVersions(only)).toEqual([first]);
    const signature = await manager.sign(only, first.version, sha256('x'));
    expect(isSignatureOf(Buffer.from('x'), first.publicKeyPem, signature)).toBe(true);
    await expect(manager.sign(only, second.version, sha256('x'))).rejects.toMatchObject({ code: 'key_not_found' });
    await expect(manager.createSigningKeyVersion(only)).rejects.toMatchObject({ code: 'key_unusable' });
  });

  test.for([
    'http://enmesh.vault.azure.net/keys/one',
    'https://enmesh.vault.azure.net/secrets/one',
    'https://enmesh.vault.azure.net/keys/',
    'https://enmesh.vault.azure.net/keys/one/v1/sign',
    'https://enmesh.vault.azure.net/keys/one?x=1',
    'https://user@enmesh.vault.azure.net/keys/one',
    'https://enmesh.vault.azure.net/keys/../one',
    'a_b',
    'a.b',
    'a'.repeat(128),
  ])('is never called %s', async (name) => {
    await using keys = await empty();
    await expect(keys.manager.findKey(name)).rejects.toMatchObject({ kind: 'invalid', code: 'invalid_key_name' });
    expect(keys.vault.requests).toEqual([]);
  });

  test.for(['a', '0-A', 'a'.repeat(127)])('may be called %s', async (name) => {
    await using keys = await empty();
    expect(await keys.manager.findKey(name)).toBeUndefined();
  });

  test('counts its versions while they are enabled and within their times', async () => {
    await using keys = await empty();
    const { manager, vault, clock } = keys;
    const states = [
      { enabled: true, created: 1 },
      { enabled: false, created: 2 },
      { enabled: true, created: 3, nbf: seconds(now) },
      { enabled: true, created: 4, nbf: seconds(now) + 1 },
      { enabled: true, created: 5, exp: seconds(now) + 1 },
      { enabled: true, created: 6, exp: seconds(now) },
    ];
    const versions = states.map((attributes) => {
      const added = vault.addVersion('one');
      added.attributes = attributes;
      return added.version;
    });
    const usable = async () =>
      (await manager.signingKeyVersions('one')).map(({ version }) => versions.indexOf(version) + 1);
    expect(await usable()).toEqual([5, 3, 1]);
    clock.advance(1_000);
    expect(await usable()).toEqual([4, 3, 1]);
  });

  test('shows its current version first when two were made in one second', async () => {
    await using keys = await empty();
    for (let round = 0; round < 8; round += 1) {
      const name = `key-${String(round)}`;
      const first = keys.vault.addVersion(name);
      keys.vault.nextCreated -= 1;
      const second = keys.vault.addVersion(name);
      // In the order of their names, as the service lists them.
      keys.vault.keys.set(name, [first, second]);
      expect((await keys.manager.findKey(name))?.versions).toEqual([second.version, first.version]);
    }
  });

  test('that is there without a usable version is no reason to make one', async () => {
    await using keys = await empty();
    keys.vault.addVersion('one').attributes.enabled = false;
    await expect(keys.manager.createSigningKey('one')).rejects.toMatchObject({ code: 'key_unusable' });
    expect(keys.vault.keys.get('one')).toHaveLength(1);
    await expect(keys.manager.signingKeyVersions('one')).rejects.toMatchObject({ code: 'key_not_found' });
  });

  test('whose version is disabled does not sign, and says so', async () => {
    await using keys = await empty();
    const { version } = await keys.manager.createSigningKey('one');
    keys.vault.keys.get('one')![0]!.attributes.enabled = false;
    const { error } = await faultOf(keys.manager.sign('one', version, sha256('x')));
    expect(error).toMatchObject({ kind: 'precondition', code: 'key_unusable' });
    expect(error.message).toMatch(/is disabled/);
  });

  test('of another type or curve is left out of the list and told when it is named', async () => {
    await using keys = await empty();
    keys.vault.addVersion('big', { kty: 'EC', crv: 'P-384' });
    const { version } = await keys.manager.createSigningKey('one');
    expect(await keys.manager.listKeys()).toEqual([{ name: 'one', purpose: 'signing', versions: [version] }]);
    await expect(keys.manager.findKey('big')).rejects.toMatchObject({ code: 'key_unusable' });
    await expect(keys.manager.signingKeyVersions('big')).rejects.toMatchObject({ code: 'key_unusable' });
  });

  test('is listed from every page, in the order of names', async () => {
    await using keys = await empty();
    for (const name of ['e', 'd', 'c', 'b', 'a']) keys.vault.addVersion(name);
    expect((await keys.manager.listKeys()).map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});

describe('what Key Vault encrypts', () => {
  const aad = Buffer.from('aad');

  test('is sealed by a data key of its own that RSA-OAEP-256 wraps', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const one = Buffer.from(await keys.manager.encrypt('sealing', Buffer.from('text'), aad));
    const other = Buffer.from(await keys.manager.encrypt('sealing', Buffer.from('text'), aad));
    const [first, second] = keys.vault.seen(/\/wrapkey$/).map(({ body }) => body);
    expect(first).toMatchObject({ alg: 'RSA-OAEP-256', value: expect.stringMatching(/^[\w-]{43}$/) });
    expect(second!['value']).not.toBe(first!['value']);
    expect(one.includes(Buffer.from(String(first!['value']), 'base64url'))).toBe(false);
    expect(one[0]).toBe(1);
    expect(one.toString('latin1', 2, 34)).toBe(keys.vault.keys.get('sealing')![0]!.version);
    expect(one.subarray(-20)).not.toEqual(other.subarray(-20));
  });

  test('opens with nothing changed alone: no byte of it', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', Buffer.from('text'), aad);
    for (const at of [0, 1, 34, 35, 36, 100, sealed.length - 30, sealed.length - 18, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at]! ^= 1;
      await expect(keys.manager.decrypt('sealing', changed, aad)).rejects.toMatchObject({
        code: expect.stringMatching(/^(cannot_decrypt|key_not_found)$/) as string,
      });
    }
    for (const length of [0, 1, 33, 36, 291, sealed.length - 1]) {
      await expect(keys.manager.decrypt('sealing', sealed.subarray(0, length), aad)).rejects.toMatchObject({
        code: 'cannot_decrypt',
      });
    }
  });

  test('may be nothing at all', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', new Uint8Array(), new Uint8Array());
    expect(await keys.manager.decrypt('sealing', sealed, new Uint8Array())).toHaveLength(0);
  });

  test('opens after the key was rotated, and after the old version has expired', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', Buffer.from('text'), aad);
    keys.vault.keys.get('sealing')![0]!.attributes.exp = seconds(now) - 1;
    const { version } = keys.vault.addVersion('sealing', { kty: 'RSA' });
    const later = Buffer.from(await keys.manager.encrypt('sealing', Buffer.from('text'), aad));
    expect(later.toString('latin1', 2, 34)).toBe(version);
    const fresh = new AzureKeyManager({ vaultUrl: keys.vault.url, protectionLevel: 'software' }, keys.vault.access());
    expect(Buffer.from(await fresh.decrypt('sealing', sealed, aad)).toString()).toBe('text');
  });

  test('does not open by a data key of another length, which an attacker could wrap', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', Buffer.from('text'), aad);
    const value = randomBytes(16).toString('base64url');
    keys.vault.interfere = ({ path }) => (path.endsWith('/unwrapkey') ? { status: 200, body: { value } } : undefined);
    await expect(keys.manager.decrypt('sealing', sealed, aad)).rejects.toMatchObject({ code: 'cannot_decrypt' });
  });
});

describe('Key Vault is asked', () => {
  test('after its challenge, with a token for its own domain, in a known version of the API', async () => {
    await using keys = await empty();
    await keys.manager.findKey('one');
    expect(keys.access.scopes).toEqual(['https://vault.azure.net/.default']);
    expect(keys.vault.requests.map(({ authorization }) => authorization)).toEqual([undefined, 'Bearer good-token']);
    expect(keys.vault.requests[1]?.apiVersion).toMatch(/^\d/);
  });

  test('never with a token when its challenge names somebody else', async () => {
    await using keys = await empty();
    keys.vault.resource = 'https://management.azure.com';
    expect((await faultOf(keys.manager.findKey('one'))).error.kind).toBe('unavailable');
    expect(keys.access.scopes).toEqual([]);
    expect(keys.vault.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test('only when somebody whom we trust has signed its certificate', async () => {
    await using vault = await FakeKeyVault.start();
    const access = vault.access(20_000, 'none');
    const manager = new AzureKeyManager({ vaultUrl: vault.url, protectionLevel: 'software' }, access);
    const { error, reason } = await faultOf(manager.listKeys());
    expect(error.code).toBe('key_manager_unavailable');
    expect(reason).toMatch(/CERT|SIGNATURE/);
    expect(vault.requests).toEqual([]);
  });

  test.for([
    [401, vaultFault(401, 'Unauthorized'), 'key_manager_denied', /AZURE_CLIENT_ID/],
    [403, vaultFault(403, 'Forbidden', 'ForbiddenByRbac'), 'key_manager_denied', /allow list on the vault/],
    [429, { ...vaultFault(429, 'Throttled'), headers: { 'retry-after': '1' } }, 'key_manager_unavailable', /log/],
    [500, vaultFault(500, 'InternalServerError'), 'key_manager_unavailable', /log/],
    [503, { status: 503, body: '<html>' }, 'key_manager_unavailable', /log/],
    [200, { status: 200, body: '<html>' }, 'key_manager_unavailable', /log/],
  ] as const satisfies readonly (readonly [number, VaultReply, string, RegExp])[])(
    'once when it answers %i, which is told as what it is',
    async ([status, reply, code, words]) => {
      await using keys = await empty();
      keys.vault.interfere = () => reply;
      const { error, reason } = await faultOf(keys.manager.listKeys());
      expect(error).toMatchObject({ kind: 'unavailable', code });
      expect(error.message).toMatch(words);
      expect(keys.vault.seen(/^\/keys/)).toHaveLength(1);
      if (status >= 400) expect(reason).toContain(`HTTP ${String(status)}`);
      expect(`${error.message} ${reason}`).not.toMatch(/vault\.azure\.net|good-token/);
    },
  );

  test('for the permission that an operation needs, and the refusal names it', async () => {
    await using keys = await empty();
    const { version } = await keys.manager.createSigningKey('one');
    keys.vault.interfere = ({ path }) =>
      path.endsWith('/sign') ? vaultFault(403, 'Forbidden', 'AccessDenied') : undefined;
    const { error } = await faultOf(keys.manager.sign('one', version, sha256('x')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'key_manager_denied' });
    expect(error.message).toMatch(/allow sign on the key one/);
  });

  test('for a key that was deleted and not purged, and told so', async () => {
    await using keys = await empty();
    keys.vault.interfere = ({ path }) =>
      path.endsWith('/create') ? vaultFault(409, 'Conflict', 'ObjectIsDeletedButRecoverable') : undefined;
    const { error } = await faultOf(keys.manager.createSigningKey('one'));
    expect(error).toMatchObject({ kind: 'precondition', code: 'key_unusable' });
    expect(error.message).toMatch(/recover or purge/);
  });

  test('for no longer than a call may take', async () => {
    await using vault = await FakeKeyVault.start();
    const manager = new AzureKeyManager({ vaultUrl: vault.url, protectionLevel: 'software' }, vault.access(200));
    vault.interfere = () => 'silence';
    const { error, reason } = await faultOf(manager.listKeys());
    expect(error.code).toBe('key_manager_unavailable');
    expect(reason).toMatch(/AbortError/);
  });

  test('by nobody whom Azure does not know', async () => {
    await using vault = await FakeKeyVault.start();
    const refusal = Object.assign(new Error('secret-of-the-client'), { name: 'AuthenticationError' });
    const access = { ...vault.access(), credential: { getToken: () => Promise.reject(refusal) } };
    const manager = new AzureKeyManager({ vaultUrl: vault.url, protectionLevel: 'software' }, access);
    const { error, reason } = await faultOf(manager.listKeys());
    expect(error.code).toBe('key_manager_denied');
    expect(`${error.message} ${reason}`).not.toContain('secret-of-the-client');
  });
});
