/** Makes the configuration be what is wanted, or says what that would change. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { advice } from '../../domain/configuration/advice.ts';
import { diff, type Change, type FieldChange } from '../../domain/configuration/diff.ts';
import { faultText, refuseFaults } from '../../domain/configuration/faults.ts';
import { installationFaults } from '../../domain/configuration/installation.ts';
import { referenceFaults } from '../../domain/configuration/references.ts';
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import type { Clock } from '../../platform/clock.ts';
import type { JobQueue } from '../../platform/jobs.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Database } from '../../storage/database.ts';
import { lockConfiguration } from '../../storage/configuration/lock.ts';
import { readLockedConfiguration } from '../../storage/configuration/read-configuration.ts';
import { writeChanges } from '../../storage/configuration/write-changes.ts';
import { isAuthorityCertificate, isP256PublicKey } from './public-keys.ts';
import { stateFaults } from './state-faults.ts';

/** What configuring needs to know of the installation. */
export interface AdminSettings {
  /** ENMESH_TRUNCATE_WINDOW. */
  readonly truncateSeconds: number;
  /** ENMESH_EXPORT_MAX_RECORDS. */
  readonly maxRecords: number;
  /** ENMESH_UNSAFE_SHORT_WINDOWS. */
  readonly allowShortWindows: boolean;
  /** ENMESH_UNSAFE_LOOPBACK. */
  readonly allowLoopback: boolean;
  /** What our own ID tokens say, as far as it is known. */
  readonly self?: AuthorityId;
}

/** What configuring works with. */
export interface AdminDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: AdminSettings;
  readonly logger: Logger;
  /** Where work goes that a change brings about; without it such work waits for its schedule. */
  readonly jobQueue?: Pick<JobQueue, 'enqueue'>;
}

/** How to apply. */
export interface ApplyOptions {
  /** Delete what the wanted configuration does not name. */
  readonly prune: boolean;
  /** Change nothing. */
  readonly dryRun: boolean;
  /** Who asks, for the audit. */
  readonly actor: string;
}

/** What applying did, or would do. */
export interface Applied {
  /** In order; empty when everything is as wanted. */
  readonly changes: readonly Change[];
  /** What is worth knowing of the wanted configuration, a line each. */
  readonly warnings: readonly string[];
}

/**
 * Applies in one transaction, one apply at a time.
 * @throws AppError `invalid`/`invalid_configuration` with every fault; then nothing was changed
 */
export async function applyConfiguration(
  deps: AdminDeps,
  wanted: Configuration,
  { prune, dryRun, actor }: ApplyOptions,
): Promise<Applied> {
  const { database, clock, settings, logger } = deps;
  const changes = await database.transaction(async (client) => {
    await lockConfiguration(client, dryRun ? 'shared' : 'exclusive');
    const current = await readLockedConfiguration(client);
    const planned = diff(current, wanted, { prune });
    refuseFaults([
      ...installationFaults(wanted, { ...settings, isP256PublicKey, isAuthorityCertificate }),
      ...referenceFaults(wanted, current, prune),
      ...(await stateFaults(client, wanted, planned)),
    ]);
    if (!dryRun) await writeChanges(client, planned, { actor, at: clock.forDatabase() });
    return planned;
  });
  if (!dryRun && changes.length > 0) logger.info({ actor, changes: changes.length }, 'configuration changed');
  if (!dryRun) await readNewJwks(deps, changes);
  return { changes, warnings: advice(wanted, { ...settings, changes }).map(faultText) };
}

/** An authority that gets a JWKS needs its keys now, not with the next run. */
async function readNewJwks({ jobQueue, logger }: AdminDeps, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    const hasNewJwks = change.list === 'healthAuthorities' && change.fields.some(isNewJwks);
    if (!hasNewJwks) continue;
    try {
      const options = { key: change.name, maxAttempts: 1 };
      await jobQueue?.enqueue('jwks.refresh', { issuer: change.name }, options);
    } catch (err) {
      logger.warn({ err }, 'a new JWKS is read with the next run only');
    }
  }
}

function isNewJwks({ path, after }: FieldChange): boolean {
  return path === 'jwksUri' && after !== undefined;
}
