/** Who we are to partners: our issuer's key is there, and the world can read it where our tokens say. */
import { systemClock } from '../../platform/clock.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Database } from '../../storage/database.ts';
import { identityKeyVersions } from '../../storage/partners/identity-keys.ts';
import { hasPartners, type KnownPartner } from '../../storage/partners/partners.ts';
import { count } from '../table.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, failed, ok, type Finding } from './finding.ts';
import { readIssuer } from './read-issuer.ts';

const check = 'identity';
const discoveryCheck = 'discovery';

/** Nothing is said where there are no partners. */
export async function checkIdentityKey(
  { values }: Installation,
  database: Database,
  keyManager: KeyManager,
): Promise<readonly Finding[]> {
  const { ENMESH_IDENTITY_ISSUER: issuer, ENMESH_IDENTITY_SOURCE: source, ENMESH_IDENTITY_KEY: name } = values;
  const cure = `\`enmesh keys create ${name}\` makes one; restore a lost one from its backup, or rotate it`;
  return await attempt(check, cure, async () => {
    if (!(await hasPartners(database))) return [];
    if (source === 'google') return ok(check, "tokens are Google's; `enmesh federation check` shows one to a partner");
    if (issuer === undefined) {
      return failed(check, 'ENMESH_IDENTITY_ISSUER is not set', 'set it to the https URL of the gateway');
    }
    const versions = await identityKeyVersions(database, systemClock);
    if (versions.length === 0)
      return failed(check, 'our issuer has no key yet', `${cure}; then start the federation role`);
    for (const { version, key, managerVersion } of versions) {
      const found = await keyManager.findKey(key);
      if (found?.versions.includes(managerVersion) !== true) {
        return failed(check, `version ${version} of our issuer's key (${key}) is not in the key manager`, cure);
      }
    }
    return ok(check, `${count(versions.length, 'version')} of our issuer's key in the key manager`);
  });
}

/** Our tokens lead to our keys, for whoever reads them from here. Nothing is said where there are no partners. */
export async function checkDiscovery(
  { values }: Installation,
  partners: readonly KnownPartner[],
): Promise<readonly Finding[]> {
  const { ENMESH_IDENTITY_ISSUER: issuer, ENMESH_IDENTITY_SOURCE: source } = values;
  if (issuer === undefined || source !== 'own' || partners.length === 0) return [];
  const cure =
    'start the gateway and the federation role; whatever stands before the gateway must pass /.well-known/ on; or correct ENMESH_IDENTITY_ISSUER';
  return await attempt(discoveryCheck, cure, async () => {
    const keys = await readIssuer(values, issuer, { setting: 'ENMESH_IDENTITY_ISSUER', mayBePrivate: true });
    return ok(discoveryCheck, `${issuer} publishes ${count(keys, 'key')}`);
  });
}
