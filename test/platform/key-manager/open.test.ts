/** Which key manager the settings open. */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readValues } from '../../../src/platform/config/load.ts';
import { openKeyManager } from '../../../src/platform/key-manager/open.ts';
import { keyManagerSettings } from '../../../src/platform/key-manager/settings.ts';
import { startAwsKms } from '../../support/aws-kms.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

async function openFrom(env: Record<string, string>) {
  return await openKeyManager(keyManagerSettings(await readValues(env, false)));
}

describe('aws-kms', () => {
  test("takes region, endpoint and credentials from AWS's own variables, and asks again what was throttled", async () => {
    await using kms = await startAwsKms();
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('AWS_ENDPOINT_URL_KMS', kms.endpoint);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const manager = await openFrom({ ENMESH_KEY_MANAGER: 'aws-kms' });
    kms.faults.set('DescribeKey', [
      { status: 400, type: 'ThrottlingException', message: '' },
      { status: 500, type: 'KMSInternalException', message: '' },
      'cut',
    ]);
    expect(await manager.findKey('one')).toBeUndefined();
    expect(kms.calls).toHaveLength(4);
  });

  test('wants a region', async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
    await expect(openFrom({ ENMESH_KEY_MANAGER: 'aws-kms' })).rejects.toThrow(/AWS_REGION is not set/);
  });
});

test('the time of a call is a setting', async () => {
  await using kms = await startAwsKms();
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ENDPOINT_URL_KMS', kms.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  const manager = await openFrom({ ENMESH_KEY_MANAGER: 'aws-kms', ENMESH_KEY_MANAGER_TIMEOUT: '1s' });
  kms.faults.set('DescribeKey', ['silence']);
  const startedAt = performance.now();
  expect(await manager.findKey('one')).toBeUndefined();
  expect(performance.now() - startedAt).toBeGreaterThan(900);
});

test('keys in files need nothing of the cloud', async () => {
  expect(await (await openFrom({ ENMESH_DATA_DIR: join(tmpdir(), randomUUID()) })).listKeys()).toEqual([]);
});
