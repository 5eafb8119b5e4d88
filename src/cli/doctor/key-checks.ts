/** Keys: everything that the database and the environment speak of must be in the key manager. */
import { randomBytes } from 'node:crypto';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Database } from '../../storage/database.ts';
import { inspectSigningKeys, inspectUnsignedExports, type ConfiguredKeyVersion } from '../../storage/inspection.ts';
import { listRevisionKeys } from '../../storage/exposures/revision-keys.ts';
import { count } from '../table.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, failed, ok, type Finding } from './finding.ts';

const managerCure = 'correct ENMESH_KEY_MANAGER and ENMESH_DATA_DIR, or restore the keys';

/** Each configured signing key has its versions in the key manager, and each export one that signs. */
export async function checkSigningKeys(database: Database, keyManager: KeyManager): Promise<readonly Finding[]> {
  return await attempt('signing keys', managerCure, async () => {
    const unsigned = await inspectUnsignedExports(database);
    if (unsigned.length > 0) {
      const cure = 'change the `thru` of one of its signingKeys, or add another, and apply';
      return failed('signing keys', `none signs for ${unsigned.join(', ')}: all of its keys have ended`, cure);
    }
    const configured = await inspectSigningKeys(database);
    if (configured.length === 0) return ok('signing keys', 'none are configured yet');
    const missing = await findMissing(configured, keyManager);
    if (missing.length === 0) return ok('signing keys', `${count(configured.length, 'version')} in the key manager`);
    const cause = `not in the key manager: ${missing.join(', ')}`;
    return failed(
      'signing keys',
      cause,
      '`enmesh keys create KEY` makes a new one; restore a lost one from its backup',
    );
  });
}

async function findMissing(configured: readonly ConfiguredKeyVersion[], keyManager: KeyManager): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, key, keyVersion, managerVersion } of configured) {
    const found = await keyManager.findKey(key);
    const isThere = found !== undefined && (managerVersion === null || found.versions.includes(managerVersion));
    if (!isThere) missing.push(`${name} ${keyVersion} (key ${key})`);
  }
  return missing;
}

/** The key that wraps the data keys of revision tokens works, and is the one that wrapped those in the database. */
export async function checkRevisionTokenKey(
  installation: Installation,
  database: Database,
  keyManager: KeyManager,
): Promise<readonly Finding[]> {
  const check = 'revision tokens';
  const { ENMESH_REVISION_TOKEN_KEY: name, ENMESH_REVISION_TOKEN_AAD: aad } = installation.values;
  if (name === undefined) {
    return [failed(check, 'ENMESH_REVISION_TOKEN_KEY is not set', 'set it to an encryption key of the key manager')];
  }
  if (aad === undefined && !installation.isDev) {
    const cure = 'set it to the base64 of 16 or more random bytes, the same on every replica, for ever';
    return [failed(check, 'ENMESH_REVISION_TOKEN_AAD is not set', cure)];
  }
  const cure = `\`enmesh keys create ${name} --purpose encryption\` makes it; restore a lost one from its backup`;
  return await attempt(check, cure, async () => {
    const probe = randomBytes(16);
    const unwrapped = await keyManager.decrypt(name, await keyManager.encrypt(name, probe, probe), probe);
    if (!probe.equals(unwrapped)) return failed(check, `key ${name} does not decrypt what it encrypts`, managerCure);
    const [newest] = await listRevisionKeys(database);
    if (newest !== undefined) await keyManager.decrypt(name, newest.wrappedKey, newest.aad);
    return ok(check, `key ${name} wraps and unwraps`);
  });
}
