/** `enmesh keys create` and `list` with keys in Vault. */
import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FakeVault, vaultRoots } from '../support/vault.ts';
import { runCommand } from './run-command.ts';

const environment = (vault: FakeVault) => ({
  ENMESH_KEY_MANAGER: 'vault',
  VAULT_ADDR: vault.address,
  VAULT_TOKEN: 'root-token',
  VAULT_CACERT: vaultRoots,
  VAULT_NAMESPACE: '',
});

describe('keys in Vault', () => {
  it('are made, listed and not made twice', async () => {
    await using vault = await FakeVault.start();
    const env = environment(vault);
    expect((await runCommand(['keys', 'list'], { env })).stdout).toBe('the key manager has no keys\n');
    const { stdout } = await runCommand(['keys', 'create', 'export-signing'], { env });
    expect(createPublicKey(stdout.slice(stdout.indexOf('-----BEGIN'))).asymmetricKeyType).toBe('ec');
    await runCommand(['keys', 'create', 'revision-token', '--purpose', 'encryption'], { env });
    expect((await runCommand(['keys', 'list'], { env })).stdout).toMatch(/^export-signing +signing +1$/m);
    expect([...vault.keys.values()].map(({ type }) => type)).toEqual(['ecdsa-p256', 'aes256-gcm96']);
    const { exitCode, stderr } = await runCommand(['keys', 'create', 'export-signing'], { env });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('there is a key export-signing for signing')]);
  });

  it('that no policy allows are refused with the cure, and without the token', async () => {
    await using vault = await FakeVault.start();
    vault.forbidden.add('/v1/transit/keys?list=true');
    const { exitCode, stderr } = await runCommand(['keys', 'list'], { env: environment(vault) });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('"list" on transit/keys');
    expect(stderr).not.toContain('root-token');
  });

  it('are not looked for without an address', async () => {
    const { exitCode, stderr } = await runCommand(['keys', 'list'], { env: { ENMESH_KEY_MANAGER: 'vault' } });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('ENMESH_VAULT_ADDR is not set')]);
  });
});
