/** Building and rotation with keys in Vault and in Azure Key Vault: their files verify, and a signer that errs yields none. */
import { expect, it } from 'vitest';
import { rotateSigningKey } from '../../../src/export/keys/rotate.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { AzureKeyManager } from '../../../src/platform/key-manager/azure.ts';
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';
import { RetryingKeyManager } from '../../../src/platform/key-manager/retrying.ts';
import { openVault } from '../../../src/platform/key-manager/vault.ts';
import { FakeKeyVault } from '../../support/azure-key-vault.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readPublishedFiles,
  runAll,
  type ExportRole,
} from '../../support/export-role.ts';
import { FakeVault, vaultRoots } from '../../support/vault.ts';

const terms = { callTimeoutMs: 10_000, totalMs: 2_000, firstPauseMs: 1, longestPauseMs: 5 };

async function roleWith(keyManager: KeyManager, service: AsyncDisposable): Promise<ExportRole> {
  const role = await openExportRole();
  return {
    ...role,
    deps: { ...role.deps, keyManager: new RetryingKeyManager(keyManager, terms) },
    [Symbol.asyncDispose]: async () => {
      await role[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

async function openVaultRole(): Promise<ExportRole & { readonly vault: FakeVault }> {
  const vault = await FakeVault.start();
  const credentials = { kind: 'token', token: 'root-token' } as const;
  const settings = { address: vault.address, roots: vaultRoots, transitMount: 'transit', credentials };
  const manager = await openVault(settings, { clock: systemClock, callTimeoutMs: terms.callTimeoutMs });
  return { ...(await roleWith(manager, vault)), vault };
}

async function openAzureRole(): Promise<ExportRole> {
  const vault = await FakeKeyVault.start();
  const settings = { vaultUrl: vault.url, protectionLevel: 'software' } as const;
  return await roleWith(new AzureKeyManager(settings, vault.access(terms.callTimeoutMs)), vault);
}

it.for([
  ['Vault', openVaultRole],
  ['Azure Key Vault', openAzureRole],
] as const)('Export decision 9: after a rotation in %s both versions sign, and both verify', async ([, open]) => {
  await using role = await open();
  const { database } = role.deps;
  await insertExport(role);
  const versions = await rotateSigningKey(role.deps, 'main', { overlapSeconds: 86_400, actor: 'test' });
  expect(versions.map(({ keyVersion }) => keyVersion)).toEqual(['v2', 'v1']);
  const keys = await insertKeys(database);
  expect(await runAll(role)).toMatchObject([{ status: 'complete', lastError: null }]);
  const files = await readPublishedFiles(role);
  expect(keysIn(files)).toEqual(keys);
  expect(files.map(({ signatures }) => signatures.signatures.length)).toEqual([2]);
});

it('a Vault that signs with its newest version, whatever it is asked for, fails the batch and publishes nothing', async () => {
  await using role = await openVaultRole();
  await insertExport(role);
  await rotateSigningKey(role.deps, 'main', { overlapSeconds: 86_400, actor: 'test' });
  const keys = await insertKeys(role.deps.database);
  role.vault.rewrite = (request) => ({ ...request, body: { ...request.body, key_version: undefined } });
  expect(await runAll(role)).toMatchObject([
    { status: 'open', lastError: expect.stringMatching(/^key_manager_unavailable: /) as string },
  ]);
  expect(await readPublishedFiles(role)).toEqual([]);
  role.vault.rewrite = (request) => request;
  role.clock.advance(3_600_000);
  await runAll(role);
  expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
});
