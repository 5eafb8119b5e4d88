/** Makes the configuration be what is wanted, or says what that would change. */
import type { Configuration } from '../../domain/configuration/configuration.ts';
import { diff, type Change } from '../../domain/configuration/diff.ts';
import { faultText, refuseFaults } from '../../domain/configuration/faults.ts';
import { installationFaults } from '../../domain/configuration/installation.ts';
import { referenceFaults } from '../../domain/configuration/references.ts';
import { withoutEffect } from '../../domain/configuration/without-effect.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Database } from '../../storage/database.ts';
import { lockConfiguration } from '../../storage/configuration/lock.ts';
import { readLockedConfiguration } from '../../storage/configuration/read-configuration.ts';
import { writeChanges } from '../../storage/configuration/write-changes.ts';
import { isCertificate, isP256PublicKey } from './public-keys.ts';
import { stateFaults } from './state-faults.ts';

/** What configuring needs to know of the installation. */
export interface AdminSettings {
  /** ENMESH_TRUNCATE_WINDOW. */
  readonly truncateSeconds: number;
  /** ENMESH_UNSAFE_SHORT_WINDOWS. */
  readonly allowShortWindows: boolean;
  /** ENMESH_UNSAFE_LOOPBACK. */
  readonly allowLoopback: boolean;
}

/** What configuring works with. */
export interface AdminDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly settings: AdminSettings;
  readonly logger: Logger;
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
  /** What of the wanted configuration has no effect in this release, a line each. */
  readonly warnings: readonly string[];
}

/**
 * Applies in one transaction, one apply at a time.
 * @throws AppError `invalid`/`invalid_configuration` with every fault; then nothing was changed
 */
export async function applyConfiguration(
  { database, clock, settings, logger }: AdminDeps,
  wanted: Configuration,
  { prune, dryRun, actor }: ApplyOptions,
): Promise<Applied> {
  const changes = await database.transaction(async (client) => {
    await lockConfiguration(client, dryRun ? 'shared' : 'exclusive');
    const current = await readLockedConfiguration(client);
    const planned = diff(current, wanted, { prune });
    refuseFaults([
      ...installationFaults(wanted, { ...settings, isP256PublicKey, isCertificate }),
      ...referenceFaults(wanted, current, prune),
      ...(await stateFaults(client, wanted, planned)),
    ]);
    if (!dryRun) await writeChanges(client, planned, { actor, at: clock.forDatabase() });
    return planned;
  });
  if (!dryRun && changes.length > 0) logger.info({ actor, changes: changes.length }, 'configuration changed');
  return { changes, warnings: withoutEffect(wanted).map(faultText) };
}
