/** Rotates the data keys of revision tokens: makes the next one when it is due, destroys those whose tokens are past use. */
import { expiredKeys, isNewKeyDue } from '../../domain/publish/key-rotation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Database, Queryable } from '../../storage/database.ts';
import {
  destroyRevisionKeys,
  insertRevisionKey,
  listRevisionKeys,
  lockRevisionKeys,
  type StoredRevisionKey,
  type WrappedKey,
} from '../../storage/exposures/revision-keys.ts';
import { canUnwrap, makeWrappedKey, type Wrapping } from '../publish/revision-keys.ts';

/** What a rotation works with. */
export interface RotationDeps extends Wrapping {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: Wrapping['settings'] & {
    /** ENMESH_REVISION_KEY_PERIOD. */
    readonly revisionKeyPeriodSeconds: number;
    /** ENMESH_REVISION_KEY_DELETE_AFTER. */
    readonly revisionKeyDeleteAfterSeconds: number;
  };
}

/** What a rotation did. */
export interface Rotation {
  /** A new key seals tokens from now on. */
  readonly created: boolean;
  /** Keys whose tokens can no longer be read. */
  readonly deleted: number;
  /** Keys that open tokens. */
  readonly kept: number;
}

/**
 * One rotation, one at a time over all replicas. Besides age, a newest key that can never be unwrapped makes a new one
 * due; other keys are not looked into, so that a damaged one stops nothing.
 *
 * @param options.force make a new key though none is due
 * @param options.actor who asks, for the audit
 * @throws AppError of the database or the key manager; then nothing was changed
 */
export async function rotateRevisionKeys(
  deps: RotationDeps,
  { force, actor }: { readonly force: boolean; readonly actor: string },
): Promise<Rotation> {
  const { database, clock, settings, logger } = deps;
  const made = await makeKeyIfDue(deps, force);
  const { created, expired, kept } = await database.transaction(async (client) => {
    await lockRevisionKeys(client);
    const now = await databaseTime(client, clock);
    const created = made && (await insertIfStillDue(client, made, now));
    const keys = await listRevisionKeys(client);
    const expired = expiredKeys(keys, now, settings.revisionKeyDeleteAfterSeconds);
    await destroyRevisionKeys(client, expired);
    if (created !== undefined || expired.length > 0) {
      const change = { created: created ?? null, destroyed: expired };
      await recordAudit(client, { actor, action: 'rotate', subject: 'revisionKeys', change, at: clock.forDatabase() });
    }
    return { created, expired, kept: keys.length - expired.length };
  });
  const result = { created: created !== undefined, deleted: expired.length, kept };
  if (result.created || result.deleted > 0) logger.info({ actor, ...result }, 'revision keys rotated');
  return result;
}

/** A key that is ready to be inserted, and when it may be. */
interface MadeKey {
  readonly key: WrappedKey;
  /** The newest key that it was made in place of; undefined = it may be inserted whatever there is. */
  readonly successorOf?: { readonly kid: string | undefined };
}

/** Asks the key manager before any lock is held: it may take its time. */
async function makeKeyIfDue(deps: RotationDeps, force: boolean): Promise<MadeKey | undefined> {
  if (force) return { key: await makeWrappedKey(deps) };
  const { database, clock, settings } = deps;
  const [newest] = await listRevisionKeys(database);
  const now = await databaseTime(database, clock);
  const isDue = isNewKeyDue(newest, now, settings.revisionKeyPeriodSeconds) || !(await isUsable(deps, newest));
  return isDue ? { key: await makeWrappedKey(deps), successorOf: { kid: newest?.kid } } : undefined;
}

async function isUsable(deps: RotationDeps, newest: StoredRevisionKey | undefined): Promise<boolean> {
  if (newest === undefined || (await canUnwrap(deps, newest))) return true;
  deps.logger.error({ kid: newest.kid }, 'the newest revision key can never be unwrapped; a new one takes its place');
  return false;
}

/** @returns its id; undefined when another rotation was there first */
async function insertIfStillDue(
  client: Queryable,
  { key, successorOf }: MadeKey,
  now: Date,
): Promise<string | undefined> {
  const [newest] = await listRevisionKeys(client);
  if (successorOf !== undefined && successorOf.kid !== newest?.kid) return undefined;
  return await insertRevisionKey(client, key, now);
}
