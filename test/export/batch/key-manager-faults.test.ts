/** Building while the key manager is slow, throttles, fails or lies: never a bad file, and a good one in the end. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { rotateSigningKey } from '../../../src/export/keys/rotate.ts';
import { crc32c } from '../../../src/platform/key-manager/gcp-crc32c.ts';
import { openGcpKms } from '../../../src/platform/key-manager/gcp.ts';
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';
import { RetryingKeyManager } from '../../../src/platform/key-manager/retrying.ts';
import { type Fault, type GcpKms, ring, startGcpKms } from '../../support/gcp-kms.ts';
import {
  insertExport,
  insertKeys,
  keysIn,
  openExportRole,
  readIndexLines,
  readPublishedFiles,
  runAll,
  type ExportRole,
} from '../../support/export-role.ts';

const terms = { callTimeoutMs: 1_000, totalMs: 20_000, firstPauseMs: 1, longestPauseMs: 5 };
const throttled = { code: 8, details: 'Quota exceeded' };

interface KmsRole extends ExportRole {
  readonly kms: GcpKms;
}

/** An export role whose keys are in a key manager of the cloud. */
async function openRole({ totalMs = terms.totalMs, change = (manager: KeyManager) => manager } = {}): Promise<KmsRole> {
  const kms = await startGcpKms();
  const manager = openGcpKms(
    { endpoint: kms.endpoint, keyRing: ring, protectionLevel: 'software' },
    terms.callTimeoutMs,
  );
  const role = await openExportRole();
  const keyManager = new RetryingKeyManager(change(manager), { ...terms, totalMs });
  return {
    ...role,
    kms,
    deps: { ...role.deps, keyManager },
    [Symbol.asyncDispose]: async () => {
      await role[Symbol.asyncDispose]();
      await kms[Symbol.asyncDispose]();
    },
  };
}

async function storedFiles(role: ExportRole): Promise<string[]> {
  const names = await Array.fromAsync(role.deps.blobStore.list('exports', ''));
  return names.filter((name) => name.endsWith('.zip'));
}

it('a key manager that throttles twice and hangs once costs time, not the batch', async () => {
  await using role = await openRole();
  await insertExport(role);
  const keys = await insertKeys(role.deps.database);
  role.kms.faults.set('AsymmetricSign', [throttled, throttled, 'silence']);
  expect(await runAll(role)).toMatchObject([{ status: 'complete', attempts: 1, lastError: null }]);
  expect(role.kms.calls.filter((call) => call === 'AsymmetricSign')).toHaveLength(4);
  expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
});

const unavailable = /^key_manager_unavailable: /;
const denied = { code: 7, details: 'Permission denied' };
it.for<[string, Fault, RegExp]>([
  ['fails', { code: 14, details: 'unavailable' }, unavailable],
  ['hangs', 'silence', unavailable],
  ['denies', denied, /^key_manager_denied: .*cloudkms\.cryptoKeyVersions\.useToSign/],
])('a key manager that %s for long fails the batch with the reason, and the next try builds it', async (given) => {
  const [, fault, reason] = given;
  await using role = await openRole({ totalMs: 1_500 });
  await insertExport(role);
  const keys = await insertKeys(role.deps.database);
  role.kms.faults.set('AsymmetricSign', Array<Fault>(2_000).fill(fault));
  expect(await runAll(role)).toMatchObject([{ status: 'open', attempts: 1, lastError: expect.stringMatching(reason) }]);
  expect(await storedFiles(role)).toEqual([]);
  role.kms.faults.clear();
  role.clock.advance(10_000);
  expect(await runAll(role)).toMatchObject([{ status: 'complete', attempts: 2, lastError: null }]);
  expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
});

it('Export decision 2: a signature that does not verify with the recorded key is never published; the batch fails and is retried', async () => {
  await using role = await openRole();
  await insertExport(role);
  const keys = await insertKeys(role.deps.database);
  const garbage = randomBytes(70);
  role.kms.faults.set('AsymmetricSign', [
    (answer) => Object.assign(answer, { signature: garbage, signatureCrc32c: { value: crc32c(garbage) } }),
  ]);
  expect(await runAll(role)).toMatchObject([
    { status: 'open', lastError: expect.stringMatching(/^signature_refused: /) },
  ]);
  expect(await storedFiles(role)).toEqual([]);
  expect((await readIndexLines(role)) ?? []).toEqual([]);
  role.clock.advance(10_000);
  expect(await runAll(role)).toMatchObject([{ status: 'complete' }]);
  expect(keysIn(await readPublishedFiles(role))).toEqual(keys);
});

it('Export decision 2: a key manager that ignores the version and signs with the newest key publishes nothing', async () => {
  let isFaulty = true;
  const ignoringVersions = (manager: KeyManager): KeyManager =>
    new Proxy(manager, {
      get: (target, name: keyof KeyManager) =>
        name === 'sign' && isFaulty
          ? async (key: string, _version: string, digest: Uint8Array) =>
              await target.sign(key, (await target.signingKeyVersions(key))[0]!.version, digest)
          : target[name].bind(target),
    });
  await using role = await openRole({ change: ignoringVersions });
  await insertExport(role);
  await insertKeys(role.deps.database);
  await rotateSigningKey(role.deps, 'main', { overlapSeconds: 86_400, actor: 'test' });
  expect(await runAll(role)).toMatchObject([
    { status: 'open', lastError: expect.stringMatching(/^signature_refused: /) },
  ]);
  expect(await storedFiles(role)).toEqual([]);
  isFaulty = false;
  role.clock.advance(10_000);
  expect(await runAll(role)).toMatchObject([{ status: 'complete' }]);
  const [file] = await readPublishedFiles(role);
  expect(file!.signatures.signatures).toHaveLength(2);
});

it('Export decision 2: a key that was made anew under the old name publishes nothing', async () => {
  await using role = await openRole();
  await insertExport(role);
  await insertKeys(role.deps.database);
  role.kms.keys.clear();
  await role.deps.keyManager.createSigningKey('export-main');
  expect(await runAll(role)).toMatchObject([
    { status: 'open', lastError: expect.stringMatching(/^signature_refused: /) },
  ]);
  expect(await storedFiles(role)).toEqual([]);
});

it('a key that was removed from the configuration does not sign what it was to sign', async () => {
  await using role = await openRole();
  await insertExport(role);
  await insertKeys(role.deps.database);
  role.kms.faults.set('AsymmetricSign', [denied]);
  await runAll(role);
  await role.deps.database.query('delete from export_signing_keys');
  await role.deps.database.query('delete from signing_keys');
  role.clock.advance(10_000);
  expect(await runAll(role)).toMatchObject([
    { status: 'open', lastError: expect.stringMatching(/^signing_key_missing: .*reprocess/) },
  ]);
  expect(await storedFiles(role)).toEqual([]);
});
