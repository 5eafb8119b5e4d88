/** Keys in Vault's transit engine. */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import type { VaultSettings } from '../../../src/platform/key-manager/settings.ts';
import { openVault } from '../../../src/platform/key-manager/vault.ts';
import { FakeVault, vaultRoots, type Reply, type SeenRequest } from '../../support/vault.ts';
import { isSignatureOf, keyManagerSuite, sha256 } from './key-manager-suite.ts';

const clock = new ManualClock(new Date('2026-03-15T13:00:00Z'));

async function open(vault: FakeVault, change: Partial<VaultSettings> = {}, callTimeoutMs = 20_000) {
  const settings: VaultSettings = {
    address: vault.address,
    roots: vaultRoots,
    transitMount: vault.mount,
    credentials: { kind: 'token', token: 'root-token' },
    ...change,
  };
  return await openVault(settings, { clock, callTimeoutMs });
}

async function empty(change: Partial<VaultSettings> = {}) {
  const vault = await FakeVault.start();
  const manager = await open(vault, change);
  return { vault, manager, [Symbol.asyncDispose]: () => vault[Symbol.asyncDispose]() };
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

keyManagerSuite('Vault', () => empty());

describe('a signature of Vault', () => {
  test('is asked for with the version pinned, over the digest as it is, in ASN.1', async () => {
    await using keys = await empty();
    const old = await keys.manager.createSigningKey('one');
    await keys.manager.createSigningKeyVersion('one');
    const digest = sha256('message');
    const signature = await keys.manager.sign('one', old.version, digest);
    expect(isSignatureOf(Buffer.from('message'), old.publicKeyPem, signature)).toBe(true);
    expect(keys.vault.seen('sign/one/sha2-256').map(({ body }) => body)).toEqual([
      { input: Buffer.from(digest).toString('base64'), prehashed: true, marshaling_algorithm: 'asn1', key_version: 1 },
    ]);
  });

  test('of another version than the one that was asked for is refused (reference 12, item 26)', async () => {
    await using keys = await empty();
    const old = await keys.manager.createSigningKey('one');
    await keys.manager.createSigningKeyVersion('one');
    // As the deployed server would get it: the newest version signs, whatever was asked for.
    keys.vault.rewrite = (request) =>
      request.path.includes('/sign/') ? { ...request, body: { ...request.body, key_version: undefined } } : request;
    const { error, reason } = await faultOf(keys.manager.sign('one', old.version, sha256('x')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'key_manager_unavailable' });
    expect(reason).toMatch(/another version/);
  });

  test.for([
    undefined,
    {},
    { signature: 5 },
    { signature: '' },
    { signature: 'vault:v1:' },
    { signature: 'vault:v1:!!!!' },
    { signature: 'vault:v0:AAAA' },
    { signature: 'AAAA' },
    { signature: 'xvault:v1:AAAA' },
  ])('that is none is refused: %j', async (data) => {
    await using keys = await empty();
    const { version } = await keys.manager.createSigningKey('one');
    keys.vault.interfere = ({ path }) => (path.includes('/sign/') ? { status: 200, body: { data } } : undefined);
    const { error } = await faultOf(keys.manager.sign('one', version, sha256('x')));
    expect(error.kind).not.toBe('internal');
    expect(['key_manager_unavailable', 'key_unusable']).toContain(error.code);
  });

  test('is not asked for with a version below min_encryption_version, which Vault does not sign with', async () => {
    await using keys = await empty();
    const first = await keys.manager.createSigningKey('one');
    const second = await keys.manager.createSigningKeyVersion('one');
    keys.vault.keys.get('one')!.minEncryptionVersion = 2;
    expect(await keys.manager.signingKeyVersions('one')).toEqual([second]);
    await expect(keys.manager.sign('one', first.version, sha256('x'))).rejects.toMatchObject({
      code: 'key_not_found',
    });
    expect(keys.vault.seen('sign/one/sha2-256')).toEqual([]);
  });

  test('that Vault refuses although the version was there before says what has become of the key', async () => {
    await using keys = await empty();
    const { version } = await keys.manager.createSigningKey('one');
    await keys.manager.sign('one', version, sha256('x'));
    keys.vault.keys.delete('one');
    await expect(keys.manager.sign('one', version, sha256('x'))).rejects.toMatchObject({ code: 'key_not_found' });
    keys.vault.addKey('one', 'ecdsa-p256');
    keys.vault.interfere = ({ path }) =>
      path.includes('/sign/') ? { status: 400, body: { errors: ['no'] } } : undefined;
    await expect(keys.manager.sign('one', version, sha256('x'))).rejects.toMatchObject({ code: 'key_unusable' });
  });
});

describe('a key of Vault', () => {
  test.for(['a', '0', '_', 'a.b-c', 'A'.repeat(128)])('may be called %s', async (name) => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey(name);
    expect(await keys.manager.findKey(name)).toMatchObject({ name });
  });

  test.for(['..', 'a/b', 'a/../b', '-a', 'a.', 'a?x', 'a%2f', 'A'.repeat(129)])('is never called %s', async (name) => {
    await using keys = await empty();
    await expect(keys.manager.findKey(name)).rejects.toMatchObject({ code: 'invalid_key_name' });
    expect(keys.vault.requests).toEqual([]);
  });

  test('of another type, or that may not be read, is left out of the list and told when it is named', async () => {
    await using keys = await empty();
    const { version } = await keys.manager.createSigningKey('one');
    keys.vault.addKey('big', 'ecdsa-p384');
    keys.vault.addKey('hidden', 'ecdsa-p256');
    keys.vault.forbidden.add('/v1/transit/keys/hidden');
    expect(await keys.manager.listKeys()).toEqual([{ name: 'one', purpose: 'signing', versions: [version] }]);
    await expect(keys.manager.findKey('big')).rejects.toMatchObject({ code: 'key_unusable' });
    await expect(keys.manager.signingKeyVersions('big')).rejects.toMatchObject({ code: 'key_unusable' });
    await expect(keys.manager.findKey('hidden')).rejects.toMatchObject({ code: 'key_manager_denied' });
  });

  test('with a public key that is none is refused without a word of it', async () => {
    await using keys = await empty();
    await keys.manager.createSigningKey('one');
    const entry = { creation_time: '2026-01-01T00:00:00.123456789Z', public_key: '-----BEGIN PUBLIC KEY-----\nsecret' };
    keys.vault.interfere = () => ({ status: 200, body: { data: { type: 'ecdsa-p256', keys: { 1: entry } } } });
    const { error, reason } = await faultOf(keys.manager.signingKeyVersions('one'));
    expect(error.code).toBe('key_manager_unavailable');
    expect(reason).not.toContain('secret');
  });

  test.for([{ data: null }, { data: { type: 'ecdsa-p256' } }, { data: { type: 'ecdsa-p256', keys: { 1: {} } } }, {}])(
    'in a form that is not known is refused: %j',
    async (body) => {
      await using keys = await empty();
      keys.vault.interfere = () => ({ status: 200, body });
      await expect(keys.manager.signingKeyVersions('one')).rejects.toMatchObject({ code: 'key_manager_unavailable' });
    },
  );
});

describe('what Vault encrypts', () => {
  test('is bound by associated data, and its text names the version', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', Buffer.from('text'), Buffer.from('aad'));
    expect(Buffer.from(sealed).toString()).toMatch(/^vault:v1:/);
    expect(keys.vault.seen('encrypt/sealing')[0]?.body).toEqual({
      plaintext: Buffer.from('text').toString('base64'),
      associated_data: Buffer.from('aad').toString('base64'),
    });
  });

  test('with a derived key is bound by its context, as deployed servers do it', async () => {
    await using keys = await empty();
    keys.vault.addKey('old', 'aes256-gcm96', { derived: true });
    const sealed = await keys.manager.encrypt('old', Buffer.from('text'), Buffer.from('aad'));
    expect(keys.vault.seen('encrypt/old')[0]?.body).toMatchObject({ context: Buffer.from('aad').toString('base64') });
    expect(Buffer.from(await keys.manager.decrypt('old', sealed, Buffer.from('aad'))).toString()).toBe('text');
    await expect(keys.manager.decrypt('old', sealed, Buffer.from('x'))).rejects.toMatchObject({
      code: 'cannot_decrypt',
    });
  });

  test('may be nothing at all', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', new Uint8Array(), new Uint8Array());
    expect(await keys.manager.decrypt('sealing', sealed, new Uint8Array())).toHaveLength(0);
  });

  test('opens after the key was rotated', async () => {
    await using keys = await empty();
    await keys.manager.createEncryptionKey('sealing');
    const sealed = await keys.manager.encrypt('sealing', Buffer.from('text'), Buffer.from('aad'));
    keys.vault.rotate('sealing');
    const later = await keys.manager.encrypt('sealing', Buffer.from('text'), Buffer.from('aad'));
    expect(Buffer.from(later).toString()).toMatch(/^vault:v2:/);
    expect(Buffer.from(await keys.manager.decrypt('sealing', sealed, Buffer.from('aad'))).toString()).toBe('text');
  });

  test.for(['', 'vault:v1:', 'vault:v1:AAAA', 'vault:v9:AAAA', 'vault:v1:AAAA\n', 'x'])(
    'and what is no ciphertext of its does not open: %j',
    async (text) => {
      await using keys = await empty();
      await keys.manager.createEncryptionKey('sealing');
      await expect(keys.manager.decrypt('sealing', Buffer.from(text), randomBytes(16))).rejects.toMatchObject({
        kind: 'internal',
        code: 'cannot_decrypt',
      });
    },
  );

  test('is never encrypted by a key that Vault makes on the spot', async () => {
    await using keys = await empty();
    await expect(keys.manager.encrypt('one', Buffer.from('x'), randomBytes(16))).rejects.toMatchObject({
      code: 'key_not_found',
    });
    expect(keys.vault.seen('encrypt/one')).toEqual([]);
  });
});

describe('Vault is asked', () => {
  test('with the token, the namespace and the mark that agents want', async () => {
    await using vault = await FakeVault.start({ mount: 'team/transit' });
    const manager = await open(vault, { namespace: 'health/' });
    await manager.findKey('one');
    const engine = vault.requests.filter(({ path }) => path.startsWith('/v1/team/'));
    expect(engine).toMatchObject([{ token: 'root-token', namespace: 'health/', isMarked: true }]);
  });

  test('below the path of ENMESH_VAULT_ADDR, where a proxy has put it', async () => {
    await using vault = await FakeVault.start();
    const manager = await open(vault, { address: `${vault.address}/proxied/` });
    await faultOf(manager.signingKeyVersions('one'));
    expect(vault.requests.map(({ path }) => path)).toContain('/proxied/v1/transit/keys/one');
  });

  test('over plain http without a token where an agent adds it', async () => {
    await using vault = await FakeVault.start({ isPlain: true });
    vault.rewrite = (request) => ({ ...request, token: 'root-token' });
    const manager = await open(vault, { credentials: { kind: 'agent' } });
    await manager.createSigningKey('one');
    expect(vault.requests.every(({ token }) => token === undefined)).toBe(true);
  });

  test('only when somebody whom we trust has signed its certificate, and says whose root is missing', async () => {
    await using vault = await FakeVault.start();
    const credentials = { kind: 'token', token: 'root-token' } as const;
    const settings = { address: vault.address, transitMount: 'transit', credentials };
    const manager = await openVault(settings, { clock, callTimeoutMs: 20_000 });
    const { error, reason } = await faultOf(manager.listKeys());
    expect(error.code).toBe('key_manager_unavailable');
    expect(reason).toMatch(/certificate that is not trusted \(\w+; is its root in ENMESH_VAULT_CACERT\?\)/);
    expect(vault.requests).toEqual([]);
  });

  test('with roots that can be read, or not at all', async () => {
    await using vault = await FakeVault.start();
    await expect(open(vault, { roots: '/nowhere/ca.pem' })).rejects.toThrow(/ENMESH_VAULT_CACERT names no file/);
    await expect(open(vault, { roots: '-----BEGIN NOTHING-----' })).rejects.toThrow(
      /ENMESH_VAULT_CACERT names no file/,
    );
  });

  const unavailable: readonly (readonly [string, Reply, RegExp])[] = [
    [
      'throttles',
      { status: 429, body: { errors: ['rate limit quota exceeded'] }, headers: { 'retry-after': '1' } },
      /429: rate/,
    ],
    ['is sealed', { status: 503, body: { errors: ['Vault is sealed'] } }, /503: Vault is sealed/],
    ['is behind its primary', { status: 412, body: { errors: ['required index state not present'] } }, /412/],
    ['fails', { status: 500, body: { errors: ['internal error'] } }, /500/],
    ['is a standby', { status: 307, body: '', headers: { location: 'https://elsewhere.example/' } }, /not followed/],
    ['is not Vault', { status: 200, body: '<html>' }, /is not Vault/],
    ['is another service', { status: 502, body: 'Bad Gateway' }, /is not Vault/],
  ];
  test.for(unavailable)('once when it %s, and told as unavailable', async ([, reply, words]) => {
    await using keys = await empty();
    keys.vault.interfere = ({ path }) => (path.startsWith('/v1/auth/') ? undefined : reply);
    const { error, reason } = await faultOf(keys.manager.listKeys());
    expect(error).toMatchObject({ kind: 'unavailable', code: 'key_manager_unavailable' });
    expect(reason).toMatch(words);
    expect(keys.vault.requests.filter(({ path }) => path.startsWith('/v1/transit/'))).toHaveLength(1);
  });

  test('for no longer than a call may take, and for no more than a megabyte', async () => {
    await using vault = await FakeVault.start();
    const hurried = await open(vault, {}, 200);
    vault.interfere = () => 'silence';
    expect((await faultOf(hurried.listKeys())).reason).toBe('Vault took too long');
    const patient = await open(vault, {}, 30_000);
    vault.interfere = () => ({ status: 200, body: 'x'.repeat(1024 * 1024 + 1) });
    expect((await faultOf(patient.listKeys())).reason).toMatch(/UND_ERR_RES_EXCEEDED_MAX_SIZE/);
  });

  test('where nobody listens, without its address in a word', async () => {
    const vault = await FakeVault.start();
    const manager = await open(vault);
    await vault[Symbol.asyncDispose]();
    const { error, reason } = await faultOf(manager.listKeys());
    expect(reason).toBe('Vault cannot be reached (ECONNREFUSED)');
    expect(error.message).not.toContain('127.0.0.1');
  });

  test('for what no policy allows, and the refusal names the capability and the path', async () => {
    await using keys = await empty();
    const { version } = await keys.manager.createSigningKey('one');
    keys.vault.forbidden.add('/v1/transit/sign/one/sha2-256').add('/v1/transit/keys?list=true');
    const { error } = await faultOf(keys.manager.sign('one', version, sha256('x')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'key_manager_denied' });
    expect(error.message).toMatch(/"update" on transit\/sign\/one\/sha2-256/);
    expect((await faultOf(keys.manager.listKeys())).error.message).toMatch(/"list" on transit\/keys$/);
  });

  test('at a mount where there is nothing, and told so', async () => {
    await using keys = await empty({ transitMount: 'elsewhere' });
    const { error } = await faultOf(keys.manager.findKey('one'));
    expect(error).toMatchObject({ code: 'key_manager_denied' });
    expect(error.message).toMatch(/no transit engine at elsewhere/);
  });

  test('and what it says never holds the token', async () => {
    await using keys = await empty();
    keys.vault.tokens.clear();
    const { error, reason } = await faultOf(keys.manager.findKey('one'));
    expect(error.code).toBe('key_manager_denied');
    expect(`${error.message} ${reason}`).not.toContain('root-token');
  });
});

describe('the token', () => {
  async function tokenFile(content: string) {
    const dir = await mkdtemp(join(tmpdir(), 'enmesh-vault-'));
    const path = join(dir, 'token');
    await writeFile(path, content);
    return { path, [Symbol.asyncDispose]: () => rm(dir, { recursive: true }) };
  }

  const tokensOf = (requests: readonly SeenRequest[]) => requests.map(({ token }) => token);

  test('that was given is renewed while it lives, as long as Vault lets it be renewed', async () => {
    await using vault = await FakeVault.start();
    vault.tokens.set('short', { ttl: 1.5, renewable: true });
    const manager = await open(vault, { credentials: { kind: 'token', token: 'short' } });
    await manager.findKey('one');
    const renewals = () => vault.requests.filter(({ path }) => path === '/v1/auth/token/renew-self');
    await vi.waitFor(() => expect(renewals().length).toBeGreaterThanOrEqual(2), 30_000);
    expect(new Set(tokensOf(renewals()))).toEqual(new Set(['short']));
    vault.tokens.set('short', { ttl: 1.5, renewable: false });
    await vi.waitFor(() => expect(vault.replies.at(-1)).toMatchObject({ status: 400 }), 30_000);
  });

  test.for([
    { ttl: 0, renewable: true },
    { ttl: 60, renewable: false },
  ])('is looked up once and left alone when there is nothing to renew: %j', async (state) => {
    await using vault = await FakeVault.start();
    vault.tokens.set('token', state);
    const manager = await open(vault, { credentials: { kind: 'token', token: 'token' } });
    await manager.findKey('one');
    await manager.findKey('one');
    await vi.waitFor(() => expect(vault.replies).toHaveLength(3));
    expect(vault.requests.filter(({ path }) => path.startsWith('/v1/auth/'))).toHaveLength(1);
  });

  test('in a file is the one that stands there now', async () => {
    await using vault = await FakeVault.start();
    await using file = await tokenFile('root-token\n');
    const manager = await open(vault, { credentials: { kind: 'file', path: file.path } });
    await manager.findKey('one');
    vault.tokens.set('next', { ttl: 0, renewable: false });
    await writeFile(file.path, 'next');
    await manager.findKey('one');
    expect(tokensOf(vault.requests)).toEqual(['root-token', 'next']);
  });

  test('in a file that an agent replaces while the old one is refused is tried once more', async () => {
    await using vault = await FakeVault.start();
    await using file = await tokenFile('ended');
    const manager = await open(vault, { credentials: { kind: 'file', path: file.path } });
    await expect(manager.findKey('one')).rejects.toMatchObject({ code: 'key_manager_denied' });
    expect(vault.requests).toHaveLength(1);
    vault.interfere = ({ token }) => {
      if (token === 'ended') writeFileSync(file.path, 'root-token');
      return undefined;
    };
    expect(await manager.findKey('one')).toBeUndefined();
    expect(tokensOf(vault.requests)).toEqual(['ended', 'ended', 'root-token']);
  });

  test.for(['', ' \n'])('in a file that is empty or not there is told without the path: %j', async (content) => {
    await using vault = await FakeVault.start();
    await using file = await tokenFile(content);
    for (const path of [file.path, `${file.path}-missing`]) {
      const manager = await open(vault, { credentials: { kind: 'file', path } });
      const { error, reason } = await faultOf(manager.findKey('one'));
      expect(error.code).toBe('key_manager_unavailable');
      expect(reason).toMatch(/ENMESH_VAULT_TOKEN_FILE/);
      expect(reason).not.toContain(path);
    }
    expect(vault.requests).toEqual([]);
  });

  async function loggingIn(tokens: readonly string[]) {
    const vault = await FakeVault.start();
    const file = await tokenFile('service-account-jwt\n');
    vault.logins.set('enmesh service-account-jwt', tokens);
    const credentials = { kind: 'login', role: 'enmesh', mount: 'kubernetes', jwtPath: file.path } as const;
    const time = new ManualClock(clock.now());
    const settings = { address: vault.address, roots: vaultRoots, transitMount: 'transit', credentials };
    const manager = await openVault(settings, { clock: time, callTimeoutMs: 20_000 });
    const dispose = async () => {
      await vault[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    };
    return { vault, manager, time, [Symbol.asyncDispose]: dispose };
  }

  const loginsOf = (vault: FakeVault) => vault.requests.filter(({ path }) => path === '/v1/auth/kubernetes/login');

  test('of a role comes from one login for all who ask at once, and a new one before it ends', async () => {
    await using keys = await loggingIn(['first', 'second']);
    const { vault, manager, time } = keys;
    await Promise.all([manager.findKey('one'), manager.findKey('two'), manager.findKey('three')]);
    expect(loginsOf(vault)).toMatchObject([{ body: { role: 'enmesh', jwt: 'service-account-jwt' }, token: undefined }]);
    time.advance(39_999);
    await manager.findKey('one');
    expect(loginsOf(vault)).toHaveLength(1);
    time.advance(1);
    await manager.findKey('one');
    expect(loginsOf(vault)).toHaveLength(2);
    expect(vault.requests.at(-1)?.token).toBe('second');
  });

  test('of a role that Vault no longer knows is replaced, and the call goes through', async () => {
    await using keys = await loggingIn(['first', 'second']);
    await keys.manager.findKey('one');
    keys.vault.tokens.delete('first');
    expect(await keys.manager.findKey('one')).toBeUndefined();
    expect(loginsOf(keys.vault)).toHaveLength(2);
  });

  test('of a role that may not do that is replaced once, and then the refusal is told', async () => {
    await using keys = await loggingIn(['first', 'second', 'third']);
    keys.vault.forbidden.add('/v1/transit/keys/one');
    await expect(keys.manager.findKey('one')).rejects.toMatchObject({ code: 'key_manager_denied' });
    expect(loginsOf(keys.vault)).toHaveLength(2);
  });

  test('of a role that may not log in is a refusal that names the setting', async () => {
    await using keys = await loggingIn([]);
    const { error, reason } = await faultOf(keys.manager.findKey('one'));
    expect(error.code).toBe('key_manager_denied');
    expect(error.message).toMatch(/ENMESH_VAULT_ROLE at auth\/kubernetes/);
    expect(`${error.message} ${reason}`).not.toContain('service-account-jwt');
  });
});
