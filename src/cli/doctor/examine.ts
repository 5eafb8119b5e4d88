/** Every check of `enmesh doctor`, in the order in which one depends on another. */
import { inspectBuckets, inspectFederation } from '../../storage/inspection.ts';
import { readKnownPartners, type KnownPartner } from '../../storage/partners/partners.ts';
import type { Io } from '../io.ts';
import { keyManagerFrom } from '../open-key-manager.ts';
import { checkAttestation } from './attestation-checks.ts';
import { checkBlobStore, checkWithdrawalCopies } from './blob-check.ts';
import { checkDatabase } from './database-checks.ts';
import { checkEnvironment } from './environment-checks.ts';
import type { Finding } from './finding.ts';
import { checkDiscovery, checkIdentityKey } from './identity-checks.ts';
import { checkRevisionTokenKey, checkSigningKeys } from './key-checks.ts';
import { checkPartners } from './partner-checks.ts';
import { checkRoles } from './role-checks.ts';

/** Where export files go when no export says otherwise. */
const sampleBucket = 'exports';

/**
 * Examines the installation that the environment describes.
 * @param dev development defaults count, also where ENMESH_DATABASE_URL is set
 */
export async function examine(io: Io, dev: boolean): Promise<readonly Finding[]> {
  const { findings, installation } = await checkEnvironment(io, dev);
  if (installation === undefined) return findings;
  const buckets = new Set<string>();
  const partners: KnownPartner[] = [];
  let needsFederation = true;
  const database = await checkDatabase(io, installation, async (db) => {
    for (const bucket of await inspectBuckets(db)) buckets.add(bucket);
    partners.push(...(await readKnownPartners(db)));
    needsFederation = await inspectFederation(db);
    const keyManager = await keyManagerFrom(installation.values);
    return [
      ...(await checkSigningKeys(db, keyManager)),
      ...(await checkRevisionTokenKey(installation, db, keyManager)),
      ...(await checkAttestation(io, db)),
      ...(await checkIdentityKey(installation, db, keyManager)),
    ];
  });
  if (buckets.size === 0) buckets.add(sampleBucket);
  const { ENMESH_WITHDRAWALS_BUCKET: withdrawals } = installation.values;
  if (withdrawals !== undefined) buckets.add(withdrawals);
  return [
    ...findings,
    ...database,
    ...(await checkBlobStore(installation, [...buckets])),
    ...checkWithdrawalCopies(installation),
    ...(await checkRoles(installation, needsFederation)),
    ...(await checkDiscovery(installation, partners)),
    ...(await checkPartners(io, installation, partners)),
  ];
}
