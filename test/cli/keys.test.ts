/** `enmesh keys list` and `enmesh keys create` on a key manager of their own. */
import { createPublicKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { currentVersion } from '../../src/cli/signing-keys.ts';
import { ring, startGcpKms } from '../support/gcp-kms.ts';
import { runCommand } from './run-command.ts';

async function dataDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'enmesh-keys-'));
  return { env: { ENMESH_DATA_DIR: path }, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('keys', () => {
  it('are made and listed', async () => {
    await using dir = await dataDirectory();
    expect((await runCommand(['keys', 'list'], dir)).stdout).toBe('the key manager has no keys\n');
    const created = await runCommand(['keys', 'create', 'export-signing'], dir);
    expect(created.exitCode).toBe(0);
    const pem = created.stdout.slice(created.stdout.indexOf('-----BEGIN'));
    expect(createPublicKey(pem).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    await runCommand(['keys', 'create', 'revision-token', '--purpose', 'encryption'], dir);
    const { stdout } = await runCommand(['keys', 'list', '--json'], dir);
    const { keys } = JSON.parse(stdout) as { keys: unknown[] };
    expect(keys).toHaveLength(2);
    expect(keys).toContainEqual(expect.objectContaining({ name: 'export-signing', purpose: 'signing' }));
    expect(keys).toContainEqual(expect.objectContaining({ name: 'revision-token', purpose: 'encryption' }));
    expect((await runCommand(['keys', 'list'], dir)).stdout).toMatch(/^export-signing +signing +\S+$/m);
  });

  it('are not made twice', async () => {
    await using dir = await dataDirectory();
    await runCommand(['keys', 'create', 'main'], dir);
    const { exitCode, stderr } = await runCommand(['keys', 'create', 'main'], dir);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('there is a key main for signing');
  });
});

describe('the version that is shown', () => {
  const at = (text: string) => new Date(`2026-01-${text}T00:00:00Z`);
  const version = (keyVersion: string, from: Date, thru?: Date) => ({
    keyId: '310',
    keyVersion,
    publicKeyPem: keyVersion,
    from,
    thru,
  });
  const versions = [version('v3', at('20')), version('v2', at('10')), version('v1', at('01'), at('15'))];

  it('is the newest that signs', () => {
    expect(currentVersion(versions, at('20'))?.keyVersion).toBe('v3');
    expect(currentVersion(versions, new Date(at('20').getTime() - 1))?.keyVersion).toBe('v2');
    expect(currentVersion(versions, at('09'))?.keyVersion).toBe('v1');
  });

  it('is the newest of all when none signs', () => {
    expect(currentVersion([version('v1', at('01'), at('15'))], at('15'))?.keyVersion).toBe('v1');
    expect(currentVersion([], at('15'))).toBeUndefined();
  });

  it('are made and listed in a key manager of the cloud as in files', async () => {
    await using kms = await startGcpKms();
    const env = {
      ENMESH_KEY_MANAGER: 'gcp-kms',
      ENMESH_GCP_KMS_KEY_RING: ring,
      ENMESH_GCP_KMS_ENDPOINT: kms.endpoint,
      ENMESH_GCP_KMS_PROTECTION_LEVEL: 'software',
    };
    const created = await runCommand(['keys', 'create', 'export-signing', '--json'], { env });
    expect(JSON.parse(created.stdout)).toMatchObject({ name: 'export-signing', purpose: 'signing', version: '1' });
    const again = await runCommand(['keys', 'create', `${ring}/cryptoKeys/export-signing`], { env });
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('there is a key') });
    expect((await runCommand(['keys', 'list'], { env })).stdout).toMatch(/^export-signing +signing +1$/m);
    kms.faults.set('ListCryptoKeys', [{ code: 8, details: 'Quota exceeded' }]);
    expect((await runCommand(['keys', 'list'], { env })).exitCode).toBe(0);
    kms.faults.set('ListCryptoKeys', [{ code: 7, details: 'Permission denied' }]);
    const denied = await runCommand(['keys', 'list'], { env });
    expect(denied).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('cloudkms.cryptoKeys.list') });
  });
});
