/** Keys in Google Cloud KMS. */
import { randomBytes } from 'node:crypto';
import { KeyManagementServiceClient } from '@google-cloud/kms';
import { credentials } from '@grpc/grpc-js';
import { describe, expect, test, vi } from 'vitest';
import { GcpCalls } from '../../../src/platform/key-manager/gcp-calls.ts';
import { crc32c } from '../../../src/platform/key-manager/gcp-crc32c.ts';
import { openGcpKms } from '../../../src/platform/key-manager/gcp.ts';
import { startGcpKms, ring, type Fault } from '../../support/gcp-kms.ts';
import { isSignatureOf, keyManagerSuite, sha256 } from './key-manager-suite.ts';

interface Terms {
  readonly protectionLevel?: 'hsm' | 'software';
  readonly keyRing?: string | null;
  readonly callTimeoutMs?: number;
}

async function empty({ protectionLevel = 'software', keyRing = ring, callTimeoutMs = 20_000 }: Terms = {}) {
  const kms = await startGcpKms();
  const place = { endpoint: kms.endpoint, protectionLevel, ...(keyRing === null ? {} : { keyRing }) };
  const manager = openGcpKms(place, callTimeoutMs);
  return { kms, manager, [Symbol.asyncDispose]: () => kms[Symbol.asyncDispose]() };
}

keyManagerSuite('Google Cloud KMS', () => empty());

test('the checksum is CRC-32C, by the check value of RFC 3720 and at both ends', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array())).toBe(0);
});

test('keys are made for the hardware module, and used when it is done with them', async () => {
  await using keys = await empty({ protectionLevel: 'hsm' });
  const { version } = await keys.manager.createSigningKey('one');
  expect(keys.kms.keys.get(`${ring}/cryptoKeys/one`)?.versionTemplate).toMatchObject({
    algorithm: 'EC_SIGN_P256_SHA256',
    protectionLevel: 'HSM',
  });
  expect((await keys.manager.createSigningKeyVersion('one')).version).toBe(String(Number(version) + 1));
});

test('a key is given by its bare name in the ring, its full name, or the full name of a version', async () => {
  await using keys = await empty();
  const { manager } = keys;
  const first = await manager.createSigningKey('one');
  const second = await manager.createSigningKeyVersion('one');
  const path = `${ring}/cryptoKeys/one`;
  expect(await manager.signingKeyVersions(path)).toEqual([second, first]);
  const only = `${path}/cryptoKeyVersions/1`;
  expect(await manager.signingKeyVersions(only)).toEqual([first]);
  expect(isSignatureOf(Buffer.from('x'), first.publicKeyPem, await manager.sign(only, '1', sha256('x')))).toBe(true);
  await expect(manager.sign(only, '2', sha256('x'))).rejects.toMatchObject({ code: 'key_not_found' });
  await expect(manager.createSigningKeyVersion(only)).rejects.toMatchObject({ code: 'key_unusable' });
});

test('without a ring, full names alone are keys', async () => {
  await using keys = await empty({ keyRing: null });
  await expect(keys.manager.createSigningKey('one')).rejects.toThrow(/ENMESH_GCP_KMS_KEY_RING/);
  await expect(keys.manager.listKeys()).rejects.toThrow(/ENMESH_GCP_KMS_KEY_RING/);
  await keys.manager.createSigningKey(`${ring}/cryptoKeys/one`);
});

test('versions that are not enabled are none, and do not sign', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const first = await manager.createSigningKey('one');
  const second = await manager.createSigningKeyVersion('one');
  kms.keys.get(`${ring}/cryptoKeys/one`)!.versions[1]!.state = 'DISABLED';
  expect(await manager.signingKeyVersions('one')).toEqual([first]);
  await expect(manager.sign('one', second.version, sha256('x'))).rejects.toMatchObject({
    kind: 'precondition',
    code: 'key_unusable',
  });
});

test('a key of another algorithm is refused', async () => {
  await using keys = await empty();
  const versionTemplate = { algorithm: 'RSA_SIGN_PSS_2048_SHA256', protectionLevel: 'HSM' };
  keys.kms.keys.set(`${ring}/cryptoKeys/rsa`, { purpose: 'ASYMMETRIC_SIGN', versionTemplate, versions: [] });
  await expect(keys.manager.signingKeyVersions('rsa')).rejects.toMatchObject({ code: 'key_unusable' });
  expect(await keys.manager.listKeys()).toEqual([]);
});

describe('bytes that changed on their way are never used', () => {
  const changes: Record<string, [string, (answer: Record<string, unknown>) => void]> = {
    'a signature': ['AsymmetricSign', (answer) => (answer['signature'] = randomBytes(70))],
    'a digest': ['AsymmetricSign', (answer) => (answer['verifiedDigestCrc32c'] = false)],
    'the version that signed': ['AsymmetricSign', (answer) => (answer['name'] = `${String(answer['name'])}9`)],
    'a checksum that is left out': ['AsymmetricSign', (answer) => delete answer['signatureCrc32c']],
    'a public key': ['GetPublicKey', (answer) => (answer['pem'] = String(answer['pem']).replace('A', 'B'))],
    'what is sealed': ['Encrypt', (answer) => (answer['verifiedPlaintextCrc32c'] = false)],
    'what it is sealed with': ['Encrypt', (answer) => (answer['verifiedAdditionalAuthenticatedDataCrc32c'] = false)],
    'a ciphertext': ['Encrypt', (answer) => (answer['ciphertext'] = randomBytes(50))],
    'what was opened': ['Decrypt', (answer) => (answer['plaintext'] = randomBytes(4))],
  };
  test.for(Object.entries(changes))('%s', async ([, [method, change]]) => {
    await using keys = await empty();
    const { manager, kms } = keys;
    const { version } = await manager.createSigningKey('one');
    await manager.createEncryptionKey('sealing');
    const sealed = await manager.encrypt('sealing', Buffer.from('text'), Buffer.of(1));
    kms.faults.set(method, [change]);
    const uses: Record<string, () => Promise<unknown>> = {
      AsymmetricSign: () => manager.sign('one', version, sha256('x')),
      GetPublicKey: () => manager.signingKeyVersions('one'),
      Encrypt: () => manager.encrypt('sealing', Buffer.from('text'), Buffer.of(1)),
      Decrypt: () => manager.decrypt('sealing', sealed, Buffer.of(1)),
    };
    await expect(uses[method]?.()).rejects.toMatchObject({ kind: 'unavailable', code: 'key_manager_unavailable' });
    await uses[method]?.();
  });
});

describe('what the service says', () => {
  const token = 'ya29.secret-token';
  const faults: [Fault, string, RegExp][] = [
    [{ code: 14, details: `Getting metadata from plugin failed: ${token}` }, 'key_manager_unavailable', /./],
    [{ code: 8, details: 'Quota exceeded' }, 'key_manager_unavailable', /./],
    [{ code: 13, details: 'Internal error' }, 'key_manager_unavailable', /./],
    [{ code: 4, details: 'Deadline exceeded' }, 'key_manager_unavailable', /./],
    ['silence', 'key_manager_unavailable', /./],
    [
      { code: 7, details: "Permission denied on 'one'" },
      'key_manager_denied',
      /cloudkms\.cryptoKeyVersions\.useToSign/,
    ],
    [{ code: 16, details: `bad ${token}` }, 'key_manager_denied', /GOOGLE_APPLICATION_CREDENTIALS/],
  ];
  test.for(faults)('%o is %s, once asked, and tells no token', async ([fault, code, words]) => {
    await using keys = await empty(fault === 'silence' ? { callTimeoutMs: 1_000 } : {});
    const { version } = await keys.manager.createSigningKey('one');
    keys.kms.faults.set('AsymmetricSign', [fault]);
    const error = (await keys.manager.sign('one', version, sha256('x')).catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ kind: 'unavailable', code, message: expect.stringMatching(words) });
    expect(`${error.message} ${String(error.cause)}`).not.toContain(token);
    expect(keys.kms.calls.filter((call) => call === 'AsymmetricSign')).toHaveLength(1);
  });
});

test('a client that could not start, such as for credentials, is replaced at the next call', async () => {
  await using kms = await startGcpKms();
  const port = Number(new URL(kms.endpoint).port);
  const place = { apiEndpoint: '127.0.0.1', port };
  const clients = [
    new KeyManagementServiceClient(place),
    new KeyManagementServiceClient({
      ...place,
      sslCreds: credentials.createInsecure(),
      clientOptions: { universeDomain: 'googleapis.com' },
    }),
  ];
  const calls = new GcpCalls(() => clients.shift()!, 1_000);
  const key = { name: 'one', path: `${ring}/cryptoKeys/one` };
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nowhere/credentials.json');
  await expect(calls.key(key)).rejects.toMatchObject({ kind: 'unavailable' });
  vi.unstubAllEnvs();
  expect(await calls.key(key)).toBeUndefined();
  expect(clients).toEqual([]);
});

test.for(['http://kms.example:80', 'http://10.0.0.1'])('%s is refused: plain http is for loopback', (endpoint) => {
  expect(() => openGcpKms({ endpoint, protectionLevel: 'hsm' }, 1_000)).toThrow(/wants https/);
});
