/** Reads the JWKS of health authorities: several at a time, each with a result of its own. */
import { AppError } from '../../domain/errors.ts';
import { mergeKeys } from '../../domain/jwks/merge-keys.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { recordAudit } from '../../storage/configuration/audit.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Database } from '../../storage/database.ts';
import {
  authorityKeys,
  countActiveKeys,
  deleteRevokedKeys,
  hasHealthAuthority,
  jwksSources,
  lockJwksSource,
  markJwksFailed,
  markJwksRead,
  writeJwksKeys,
  type JwksSource,
} from '../../storage/authorities/jwks.ts';
import { fetchDocument, type FetchSettings } from './fetch-document.ts';
import { jwksMetrics } from './metrics.ts';
import { readDocument, type JwksDocument } from './read-document.ts';

/** What a refresh works with. */
export interface RefreshDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: {
    readonly jwks: FetchSettings & {
      /** ENMESH_JWKS_KEY_CLEANUP. */
      readonly keyCleanupSeconds: number;
    };
  };
}

/** What came of one authority's JWKS. */
export interface RefreshedJwks {
  readonly issuer: string;
  /** Versions that count from now on. */
  readonly added: readonly string[];
  /** Versions whose key counts no longer. */
  readonly revoked: readonly string[];
  /** Keys that count now, those entered by hand included. */
  readonly active: number;
  /** Entries that were left out, and why. */
  readonly skipped: readonly string[];
  /** Why nothing was changed; null when it was read. */
  readonly error: string | null;
}

/** Whose, and for whom. */
export interface RefreshOptions {
  /** Undefined = all that have a JWKS. */
  readonly issuer?: string;
  /** Who asks, for the audit. */
  readonly actor: string;
}

/** As the deployed importer (reference 8.1, MAX_WORKERS). */
const atATime = 5;

/**
 * One run. What fails for one authority changes nothing of it and harms no other.
 * @returns by issuer
 * @throws AppError not_found `health_authority_not_found`; precondition `jwks_not_configured`; unavailable when the
 *   database does not answer
 */
export async function refreshJwks(
  deps: RefreshDeps,
  { issuer, actor }: RefreshOptions,
  signal: AbortSignal,
): Promise<readonly RefreshedJwks[]> {
  const sources = await sourcesOf(deps, issuer);
  const metrics = jwksMetrics(deps);
  const results: RefreshedJwks[] = [];
  const waiting = sources.values();
  const work = async (): Promise<void> => {
    for (const source of waiting) {
      const result = await refreshOne(deps, { source, actor }, signal);
      metrics.refreshed(result.error === null);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
  return results.sort((a, b) => (a.issuer < b.issuer ? -1 : 1));
}

async function sourcesOf({ database }: RefreshDeps, issuer: string | undefined): Promise<readonly JwksSource[]> {
  const sources = await jwksSources(database);
  if (issuer === undefined) return sources;
  const found = sources.filter((source) => source.issuer === issuer);
  if (found.length > 0) return found;
  if (!(await hasHealthAuthority(database, issuer))) {
    throw new AppError('not_found', 'health_authority_not_found', 'no health authority has this issuer');
  }
  throw new AppError('precondition', 'jwks_not_configured', 'this health authority has no jwksUri; set one with apply');
}

/** A document that was asked for. */
interface Reading {
  readonly source: JwksSource;
  readonly actor: string;
}

async function refreshOne(deps: RefreshDeps, reading: Reading, signal: AbortSignal): Promise<RefreshedJwks> {
  const { issuer, jwksUri } = reading.source;
  try {
    const document = readDocument(await fetchDocument(jwksUri, deps.settings.jwks, signal));
    const result = await writeDocument(deps, reading, document);
    const { added, revoked, skipped } = result;
    if (added.length + revoked.length > 0) deps.logger.info({ issuer, added, revoked }, 'keys of a JWKS changed');
    if (skipped.length > 0) deps.logger.warn({ issuer, skipped }, 'keys of a JWKS were left out');
    return result;
  } catch (error) {
    signal.throwIfAborted();
    const result = await failed(deps, reading.source, error);
    // The network's own words may hold addresses.
    const cause = error instanceof AppError ? {} : { err: error };
    deps.logger.warn({ issuer, fault: result.error, ...cause }, 'a JWKS could not be read');
    return result;
  }
}

/** All of one authority in one transaction. */
async function writeDocument(
  { database, clock, settings }: RefreshDeps,
  { source, actor }: Reading,
  { keys, skipped }: JwksDocument,
): Promise<RefreshedJwks> {
  const { id, issuer } = source;
  return await database.transaction(async (client) => {
    const now = await databaseTime(client, clock);
    const none = { issuer, added: [], revoked: [], skipped, error: null };
    // A newer reading stays, and one of a JWKS that is no longer this authority's counts for nothing.
    if (!(await lockJwksSource(client, source))) return { ...none, active: await countActiveKeys(client, id, now) };
    const changes = mergeKeys(await authorityKeys(client, id), keys, now);
    const { revoked } = changes;
    const added = changes.accepted.map(({ version }) => version);
    await writeJwksKeys(client, id, { ...changes, now });
    await deleteRevokedKeys(client, id, new Date(now.getTime() - settings.jwks.keyCleanupSeconds * 1000));
    await markJwksRead(client, id, now);
    if (added.length + revoked.length > 0) {
      const subject = `healthAuthorities/${issuer}`;
      await recordAudit(client, {
        actor,
        action: 'jwks',
        subject,
        change: { added, revoked },
        at: clock.forDatabase(),
      });
    }
    const active = await countActiveKeys(client, id, now);
    return { ...none, added, revoked, active, skipped: [...skipped, ...changes.skipped] };
  });
}

async function failed({ database, clock }: RefreshDeps, source: JwksSource, error: unknown): Promise<RefreshedJwks> {
  await markJwksFailed(database, source, clock.forDatabase());
  const active = await countActiveKeys(database, source.id, await databaseTime(database, clock));
  const message = error instanceof AppError ? error.message : 'the JWKS could not be taken in: a fault of ours';
  return { issuer: source.issuer, added: [], revoked: [], active, skipped: [], error: message };
}
