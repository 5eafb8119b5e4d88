/** Stops an app, a health authority or an export, or lets it go on. */
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { JobQueue } from '../../platform/jobs.ts';
import type { Logger } from '../../platform/logger.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import type { Database } from '../../storage/database.ts';
import { holdableNames, writeHold, type HoldSubject } from '../../storage/holds.ts';

/** What holding works with. */
export interface HoldDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly jobQueue: Pick<JobQueue, 'enqueue'>;
  readonly logger: Logger;
}

/** What to stop, or to let go on. */
export interface HoldRequest {
  readonly subject: HoldSubject;
  /** App id in any case, issuer, or name of the export. */
  readonly name: string;
  readonly release: boolean;
  /** Who asks, for the audit. */
  readonly actor: string;
}

/** Names that a refusal lists. */
const mostNames = 20;
/** The export role's job that writes indexes. */
const indexJob = 'export.tick';

const nothingNamed: Readonly<Record<HoldSubject, readonly [code: string, text: string]>> = {
  apps: ['app_not_found', 'no app has this id'],
  healthAuthorities: ['health_authority_not_found', 'no health authority has this issuer'],
  exports: ['export_not_found', 'no export has this name'],
};

/**
 * Holds or releases, with an audit row. It is stopped everywhere as soon as caches forget, which is within 30 s.
 * @returns whether anything changed
 * @throws AppError not_found `app_not_found`, `health_authority_not_found` or `export_not_found`, with the names there are
 */
export async function setHold(deps: HoldDeps, { subject, name, release, actor }: HoldRequest): Promise<boolean> {
  const { database, clock, logger } = deps;
  const storedName = subject === 'apps' ? name.toLowerCase() : name;
  const at = clock.forDatabase();
  const changed = await database.transaction(async (client) => {
    const changed = isStorable(storedName)
      ? await writeHold(client, subject, { name: storedName, release, at })
      : undefined;
    if (changed === undefined) throw notFound(subject, await holdableNames(client, subject, mostNames));
    if (changed) {
      const action = release ? 'release' : 'hold';
      await recordAudit(client, { actor, action, subject: `${subject}/${storedName}`, change: {}, at });
    }
    return changed;
  });
  if (!changed) return false;
  logger.warn({ actor, subject, name: storedName }, release ? 'released from hold' : 'put on hold');
  if (subject === 'exports') await wantIndexes(deps);
  return true;
}

/** PostgreSQL has no NUL in text. */
function isStorable(name: string): boolean {
  return !name.includes('\0');
}

function notFound(subject: HoldSubject, names: readonly string[]): AppError {
  const [code, text] = nothingNamed[subject];
  const details =
    names.length === 0 ? ['none is configured; `enmesh apply` adds some'] : [`there are ${names.join(', ')}`];
  return new AppError('not_found', code, text, { details });
}

/** The index in the bucket follows at once instead of with the next run. */
async function wantIndexes({ jobQueue, logger }: HoldDeps): Promise<void> {
  try {
    await jobQueue.enqueue(indexJob, undefined, { key: 'hold', maxAttempts: 1 });
  } catch (error) {
    logger.warn({ err: error }, 'the index of an export follows with its next run only');
  }
}
