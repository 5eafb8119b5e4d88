/** Keys in AWS KMS. */
import { randomUUID } from 'node:crypto';
import { KMSClient } from '@aws-sdk/client-kms';
import { describe, expect, test } from 'vitest';
import { AwsCalls } from '../../../src/platform/key-manager/aws-calls.ts';
import { AwsKmsKeyManager } from '../../../src/platform/key-manager/aws.ts';
import { parseAwsKeyName, versionNumber } from '../../../src/platform/key-manager/aws-names.ts';
import { type Fault, startAwsKms } from '../../support/aws-kms.ts';
import { isSignatureOf, keyManagerSuite, sha256 } from './key-manager-suite.ts';

const sessionToken = 'FwoGZXIvYXdzEA-secret-session-token';

async function empty(callTimeoutMs = 20_000) {
  const kms = await startAwsKms();
  const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken };
  const client = new KMSClient({ region: 'eu-central-1', endpoint: kms.endpoint, credentials, maxAttempts: 1 });
  return {
    kms,
    manager: new AwsKmsKeyManager(new AwsCalls(client, callTimeoutMs)),
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await kms[Symbol.asyncDispose]();
    },
  };
}

keyManagerSuite('AWS KMS', () => empty());

test('a digest is sent as a digest, and the additional data as the deployed servers bind it', async () => {
  await using keys = await empty();
  const { version } = await keys.manager.createSigningKey('one');
  await keys.manager.sign('one', version, sha256('x'));
  await keys.manager.createEncryptionKey('sealing');
  await keys.manager.encrypt('sealing', Buffer.of(1), Buffer.from('aad'));
  const asked = (action: string) => keys.kms.calls.find((call) => call.action === action)?.request;
  expect(asked('Sign')).toEqual({
    KeyId: version,
    Message: Buffer.from(sha256('x')).toString('base64'),
    MessageType: 'DIGEST',
    SigningAlgorithm: 'ECDSA_SHA_256',
  });
  expect(asked('Encrypt')?.EncryptionContext).toEqual({ aad: Buffer.from('aad').toString('base64') });
});

test.for([
  ['export', { kind: 'alias', id: 'alias/export' }],
  ['alias/export', { kind: 'alias', id: 'alias/export' }],
  ['a'.repeat(240), { kind: 'alias', id: `alias/${'a'.repeat(240)}` }],
  ['1234abcd-12ab-34cd-56ef-1234567890ab', { kind: 'key', id: '1234abcd-12ab-34cd-56ef-1234567890ab', isArn: false }],
  [`mrk-${'0'.repeat(32)}`, { kind: 'key', id: `mrk-${'0'.repeat(32)}`, isArn: false }],
  ['arn:aws:kms:eu-west-1:1:key/x', { kind: 'key', id: 'arn:aws:kms:eu-west-1:1:key/x', isArn: true }],
  ['arn:aws-us-gov:kms:r:1:alias/x', { kind: 'key', id: 'arn:aws-us-gov:kms:r:1:alias/x', isArn: true }],
] as const)('the name %s is understood', ([name, parsed]) => {
  expect(parseAwsKeyName(name)).toEqual(parsed);
});

test.for(['', 'alias/', 'alias/aws/s3', 'aws/s3', 'a.b', 'a'.repeat(241), 'arn:aws:s3:::bucket', 'a b'])(
  'the name %j is refused',
  (name) => {
    expect(() => parseAwsKeyName(name)).toThrow(expect.objectContaining({ code: 'invalid_key_name' }) as Error);
  },
);

test('aliases of versions are told from those of other keys', () => {
  const numbers = ['alias/a', 'alias/a/v2', 'alias/a/v10', 'alias/a/v1', 'alias/a/v02', 'alias/a/v2x', 'alias/ab/v2'];
  expect(numbers.map((other) => versionNumber('alias/a', other))).toEqual([1, 2, 10, null, null, null, null]);
});

test('a key that is given by its id or ARN needs no alias, and says what rotation needs', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const made = await manager.createSigningKey('one');
  kms.aliases.clear();
  const { Arn: arn } = kms.keys.get(made.version)!;
  for (const [name, version] of [
    [made.version, made.version],
    [arn, arn],
  ] as const) {
    expect(await manager.signingKeyVersions(name)).toEqual([{ ...made, version }]);
    expect(await manager.createSigningKey(name)).toEqual({ ...made, version });
    expect(
      isSignatureOf(Buffer.of(1), made.publicKeyPem, await manager.sign(name, version, sha256(Buffer.of(1)))),
    ).toBe(true);
    await expect(manager.createSigningKeyVersion(name)).rejects.toThrow(/create-alias/);
  }
  await expect(manager.createSigningKey(randomUUID())).rejects.toMatchObject({ code: 'key_not_found' });
  expect(kms.keys.size).toBe(1);
});

test('an alias that somebody made by hand is a key, which can be rotated', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const made = await manager.createSigningKey('one');
  kms.aliases.set('alias/team/by-hand', made.version);
  expect(await manager.signingKeyVersions('team/by-hand')).toEqual([made]);
  const second = await manager.createSigningKeyVersion('alias/team/by-hand');
  expect(kms.aliases.get('alias/team/by-hand/v2')).toBe(second.version);
  expect(await manager.signingKeyVersions('team/by-hand')).toEqual([second, made]);
});

test('versions are found behind many aliases of others, and those of AWS are never ours', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const foreign = await manager.createSigningKey('foreign');
  const foreignKey = kms.keys.get(foreign.version)!;
  kms.keys.set(foreign.version, { ...foreignKey, Description: 'of another team' });
  for (let number = 0; number < 250; number++) kms.aliases.set(`alias/other-${String(number)}`, foreign.version);
  kms.aliases.set('alias/aws/s3', foreign.version);
  const made = await manager.createSigningKey('one');
  const second = await manager.createSigningKeyVersion('one');
  expect(await manager.signingKeyVersions('one')).toEqual([second, made]);
  expect(await manager.listKeys()).toEqual([
    { name: 'one', purpose: 'signing', versions: [second.version, made.version] },
  ]);
});

test('versions that AWS does not list yet are passed over, with one key that goes for each', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const made = await manager.createSigningKey('one');
  const second = await manager.createSigningKeyVersion('one');
  const asYet = (answer: Record<string, unknown>): void => {
    answer.Aliases = [{ AliasName: 'alias/one', TargetKeyId: made.version }];
  };
  kms.faults.set('ListAliases', [asYet, asYet, asYet, asYet]);
  const third = await manager.createSigningKeyVersion('one');
  expect(kms.aliases.get('alias/one/v2')).toBe(second.version);
  expect(kms.aliases.get('alias/one/v3')).toBe(third.version);
  expect(kms.keys.size).toBe(4);
});

test('making a version ends, whatever AWS says of its name', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  await manager.createSigningKey('one');
  const taken = { status: 400, type: 'AlreadyExistsException', message: '' };
  kms.faults.set('CreateAlias', Array<Fault>(20).fill(taken));
  await expect(manager.createSigningKeyVersion('one')).rejects.toMatchObject({ code: 'key_manager_unavailable' });
  const inUse = [...kms.keys.values()].filter(({ KeyState }) => KeyState === 'Enabled');
  expect([inUse.length, kms.keys.size < 10]).toEqual([1, true]);
});

test('a disabled version is none, and does not sign', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const made = await manager.createSigningKey('one');
  const second = await manager.createSigningKeyVersion('one');
  kms.keys.get(second.version)!.KeyState = 'Disabled';
  expect(await manager.signingKeyVersions('one')).toEqual([made]);
  const refusal = { kind: 'precondition', code: 'key_unusable' };
  await expect(manager.sign('one', second.version, sha256('x'))).rejects.toMatchObject(refusal);
  kms.keys.get(made.version)!.KeyState = 'PendingDeletion';
  await expect(manager.createSigningKey('one')).rejects.toMatchObject(refusal);
});

test('who loses the race for a name leaves no key behind', async () => {
  await using keys = await empty();
  const { manager, kms } = keys;
  const made = await Promise.all(Array.from({ length: 5 }, async () => await manager.createSigningKey('one')));
  expect(new Set(made.map(({ version }) => version)).size).toBe(1);
  expect([...kms.keys.values()].filter(({ KeyState }) => KeyState === 'Enabled')).toHaveLength(1);
});

test('a name that is denied leaves no key behind; after silence the key stays, for the name may be its own', async () => {
  await using keys = await empty(1_000);
  const { manager, kms } = keys;
  const denied = { status: 400, type: 'AccessDeniedException', message: 'not authorized: kms:CreateAlias' };
  kms.faults.set('CreateAlias', [denied, 'silence']);
  await expect(manager.createSigningKey('one')).rejects.toThrow(/kms:CreateAlias/);
  await expect(manager.createSigningKey('two')).rejects.toMatchObject({ code: 'key_manager_unavailable' });
  expect([...kms.keys.values()].map(({ KeyState }) => KeyState)).toEqual(['PendingDeletion', 'Enabled']);
});

describe('what the service says', () => {
  const canonical = `The Canonical String should have been 'x-amz-security-token:${sessionToken}'`;
  const error = (status: number, type: string, message = '') => ({ status, type, message });
  const faults: [Fault, string, RegExp][] = [
    [error(400, 'ThrottlingException', 'Rate exceeded'), 'key_manager_unavailable', /./],
    [error(500, 'KMSInternalException'), 'key_manager_unavailable', /./],
    [error(503, 'DependencyTimeoutException'), 'key_manager_unavailable', /./],
    ['silence', 'key_manager_unavailable', /./],
    ['cut', 'key_manager_unavailable', /./],
    [(answer) => delete answer['Signature'], 'key_manager_unavailable', /./],
    [error(400, 'AccessDeniedException', 'User: x is not authorized'), 'key_manager_denied', /kms:Sign/],
    [error(400, 'InvalidSignatureException', canonical), 'key_manager_denied', /credentials/],
    [error(400, 'ExpiredTokenException', sessionToken), 'key_manager_denied', /credentials/],
  ];
  test.for(faults)('%o is %s, once asked, and tells no token', async ([fault, code, words]) => {
    await using keys = await empty(fault === 'silence' ? 1_000 : undefined);
    const { version } = await keys.manager.createSigningKey('one');
    keys.kms.faults.set('Sign', [fault]);
    const refusal = (await keys.manager.sign('one', version, sha256('x')).catch((e: unknown) => e)) as Error;
    expect(refusal).toMatchObject({ kind: 'unavailable', code, message: expect.stringMatching(words) });
    expect(`${refusal.message} ${String(refusal.cause)} ${JSON.stringify(refusal)}`).not.toContain(sessionToken);
    expect(keys.kms.calls.filter(({ action }) => action === 'Sign')).toHaveLength(1);
  });
});
