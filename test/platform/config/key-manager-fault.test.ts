/** What a key manager needs of the environment. */
import { expect, test } from 'vitest';
import { faultsOf } from '../../../src/platform/config/check-values.ts';
import { keyManagerFault } from '../../../src/platform/config/key-manager-fault.ts';
import { readValues } from '../../../src/platform/config/load.ts';
import { keyManagerSettings } from '../../../src/platform/key-manager/settings.ts';

const vault = { ENMESH_KEY_MANAGER: 'vault', ENMESH_VAULT_ADDR: 'https://vault.example.org:8200' };

async function fault(env: Record<string, string>): Promise<string | undefined> {
  return keyManagerFault(await readValues(env, false));
}

test.for<[string, Record<string, string>, RegExp | undefined]>([
  ['a token', { ...vault, VAULT_TOKEN: 't' }, undefined],
  ['a token file', { ...vault, ENMESH_VAULT_TOKEN_FILE: '/run/token' }, undefined],
  ['a role', { ...vault, ENMESH_VAULT_ROLE: 'enmesh' }, undefined],
  ['no token', vault, /ENMESH_VAULT_TOKEN is not set, nor/],
  ['an empty token', { ...vault, VAULT_TOKEN: '' }, /ENMESH_VAULT_TOKEN is not set, nor/],
  ['no address', { ENMESH_KEY_MANAGER: 'vault', VAULT_TOKEN: 't' }, /ENMESH_VAULT_ADDR is not set/],
  [
    'an empty address',
    { ENMESH_KEY_MANAGER: 'vault', VAULT_ADDR: '', VAULT_TOKEN: 't' },
    /ENMESH_VAULT_ADDR is not set/,
  ],
  ['plain http', { ...vault, ENMESH_VAULT_ADDR: 'http://vault.example.org:8200', VAULT_TOKEN: 't' }, /wants https/],
  ['an agent on loopback', { ...vault, ENMESH_VAULT_ADDR: 'http://127.0.0.1:8200' }, undefined],
  ['an agent on [::1]', { ...vault, ENMESH_VAULT_ADDR: 'http://[::1]:8200' }, undefined],
])('Vault with %s', async ([, env, expected]) => {
  const found = await fault(env);
  if (expected === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(expected);
});

test('Azure Key Vault needs the URL of a vault, and that alone', async () => {
  const env = { ENMESH_KEY_MANAGER: 'azure-key-vault' };
  expect(await fault(env)).toMatch(/ENMESH_AZURE_KEY_VAULT_URL is not set/);
  const named = { ...env, ENMESH_AZURE_KEY_VAULT_URL: 'https://enmesh.vault.azure.net/' };
  expect(await fault(named)).toBeUndefined();
  expect(keyManagerSettings(await readValues(named, false))).toMatchObject({
    vaultUrl: 'https://enmesh.vault.azure.net',
    protectionLevel: 'software',
  });
});

test.for(['http://enmesh.vault.azure.net', 'https://enmesh.vault.azure.net/keys', 'enmesh'])(
  'the vault %s is none',
  async (ENMESH_AZURE_KEY_VAULT_URL) => {
    await expect(readValues({ ENMESH_AZURE_KEY_VAULT_URL }, false)).rejects.toThrow(
      /wants an https URL without a path/,
    );
  },
);

test.for(['', '/transit', 'a//b', '../sys', 'a/..', 'a?b'])('the mount path %j is none', async (path) => {
  await expect(readValues({ ENMESH_VAULT_TRANSIT_MOUNT: path }, false)).rejects.toThrow(/wants a mount path/);
});

test('the fault is told with all others when roles start, to those that use keys', async () => {
  const values = await readValues({ ENMESH_KEY_MANAGER: 'vault' }, false);
  expect(faultsOf(values, new Set(['export']))).toContainEqual(expect.stringContaining('VAULT_ADDR'));
  expect(faultsOf(values, new Set(['gateway'])).join()).not.toContain('VAULT_ADDR');
});

test('a role comes before a token file, and that before a token', async () => {
  const all = { ...vault, VAULT_TOKEN: 't', ENMESH_VAULT_TOKEN_FILE: '/run/token', ENMESH_VAULT_ROLE: 'enmesh' };
  const credentials = async (env: Record<string, string>) => {
    const settings = keyManagerSettings(await readValues(env, false));
    return settings.kind === 'vault' ? settings.credentials : undefined;
  };
  expect(await credentials(all)).toEqual({
    kind: 'login',
    role: 'enmesh',
    mount: 'kubernetes',
    jwtPath: '/var/run/secrets/kubernetes.io/serviceaccount/token',
  });
  const { ENMESH_VAULT_ROLE: role, ...others } = all;
  expect([role, await credentials(others)]).toEqual(['enmesh', { kind: 'file', path: '/run/token' }]);
});

test("Vault's own names count where ours are not set", async () => {
  const env = { ENMESH_KEY_MANAGER: 'vault', VAULT_ADDR: 'https://a.example', VAULT_TOKEN: 't', VAULT_NAMESPACE: '' };
  const theirs = { address: 'https://a.example', credentials: { kind: 'token', token: 't' } };
  const settings = keyManagerSettings(await readValues(env, false));
  expect(settings).toMatchObject(theirs);
  expect(settings).not.toHaveProperty('namespace');
  const ours = { ...env, ENMESH_VAULT_ADDR: 'https://b.example' };
  expect(keyManagerSettings(await readValues(ours, false))).toMatchObject({ address: 'https://b.example' });
});

test('a token may be a secret reference', async () => {
  const env = { ...vault, VAULT_TOKEN: 'secret://env/HIDDEN', HIDDEN: 'hvs.1' };
  expect(keyManagerSettings(await readValues(env, false))).toMatchObject({
    credentials: { kind: 'token', token: 'hvs.1' },
  });
});
