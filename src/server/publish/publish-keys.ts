/** The use case: a phone publishes the keys of a diagnosed person. */
import type { KeyObject } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { intervalOf } from '../../domain/publish/interval.ts';
import type { SentToken } from '../../domain/publish/revision.ts';
import { countsOf, statisticsHour } from '../../domain/publish/statistics.ts';
import { transform, type Transformed } from '../../domain/publish/transform.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../storage/database.ts';
import type { PublishQueue } from '../../storage/exposures/publish-queue.ts';
import { findEarlierAnswer, type Receipt } from '../../storage/exposures/receipts.ts';
import type { Attestations } from '../attestation/attestations.ts';
import { answer, answerAgain, type Answerable } from './answer.ts';
import type { App, AuthorityCache } from './authority-cache.ts';
import { verifyCertificate, type VerifiedCertificate } from './certificate.ts';
import type { PublishAnswer, PublishCommand } from './command.ts';
import { echo } from './echo.ts';
import { receiptOf } from './receipt.ts';
import { regionsOf } from './regions.ts';
import type { RevisionKeys } from './revision-keys.ts';
import { openRevisionToken, parseRevisionToken } from './revision-token.ts';
import type { PublishSettings } from './settings.ts';
import { storeKeys, type StoreResult } from './store-keys.ts';

/** What the use case depends on. */
export interface PublishKeysDeps {
  readonly database: Database;
  readonly queue: PublishQueue;
  readonly clock: Clock;
  readonly authorities: AuthorityCache;
  readonly revisionKeys: RevisionKeys;
  readonly attestations: Attestations;
  readonly settings: PublishSettings;
  /** Key of the hashes in receipts. */
  readonly receiptSecret: KeyObject;
}

/** What is known of a publish before anything is written. */
interface Publish extends Answerable {
  readonly app: App;
  readonly regions: readonly string[];
}

/**
 * Verifies a publish and stores its keys in one transaction (reference 2).
 * @throws AppError with the reference's code and text for every refusal; unavailable when the fault is ours
 */
export async function publishKeys(command: PublishCommand, deps: PublishKeysDeps): Promise<PublishAnswer> {
  const now = deps.clock.now();
  const app = await appOf(command, deps);
  const regions = regionsOf(command, app);
  const certificate = await certificateOf(command, app, { deps, now });
  const tooOld = await deps.attestations.check(command, app, { leewaySeconds: deps.settings.certificateLeewaySeconds });
  const sealingKey = await deps.revisionKeys.newest();
  const token = await readToken(command.revisionToken, deps);
  const publish: Publish = { command, now, app, regions, certificate, token, sealingKey };
  const transformed = transform(command, { claims: certificate, settings: deps.settings, now });
  const receipt = certificate ? receiptOf(command, certificate, deps.receiptSecret) : null;
  if (tooOld || transformed.keys.length === 0) {
    return await answerUnstored(publish, { transformed, tooOld }, { receipt, deps });
  }
  const result = await store(publish, transformed, { receipt, deps });
  if (result.repeated) return answerAgain(publish, result.repeated, deps.settings);
  const { inserted, revised, listed } = result;
  return answer(publish, { ...transformed, inserted, revised, listed }, deps.settings);
}

/**
 * The app that a request is of.
 * @throws AppError unauthenticated `unknown_health_authority_id`; forbidden `on_hold`; unavailable
 */
export async function appOf(
  { appId }: Pick<PublishCommand, 'appId'>,
  { authorities }: Pick<PublishKeysDeps, 'authorities'>,
): Promise<App> {
  const app = await authorities.app(appId);
  if (app) return app;
  throw new AppError('unauthenticated', 'unknown_health_authority_id', `unauthorized health authority: ${echo(appId)}`);
}

async function certificateOf(
  command: PublishCommand,
  app: App,
  { deps, now }: { readonly deps: PublishKeysDeps; readonly now: Date },
): Promise<VerifiedCertificate | undefined> {
  const { authorities, settings } = deps;
  try {
    return await verifyCertificate(command, app, { authorities, settings, now });
  } catch (error) {
    const isRefusal = error instanceof AppError && error.kind === 'unauthenticated';
    if (isRefusal && app.bypassesCertificate) return undefined;
    throw error;
  }
}

/**
 * What a request's revision token lists.
 * @throws AppError unavailable
 */
export async function readToken(
  text: string,
  { revisionKeys, settings }: Pick<PublishKeysDeps, 'revisionKeys' | 'settings'>,
): Promise<SentToken> {
  if (text === '') return 'missing';
  const sealed = parseRevisionToken(text);
  const key = sealed && (await revisionKeys.find(sealed.kid));
  if (!sealed || !key) return 'unreadable';
  return openRevisionToken(sealed, key, settings.revisionTokenAad) ?? 'unreadable';
}

interface StoreContext {
  readonly receipt: Receipt | null;
  readonly deps: PublishKeysDeps;
}

async function store(
  publish: Publish,
  { keys, warnings, onset }: Transformed,
  { receipt, deps }: StoreContext,
): Promise<StoreResult> {
  const { app, certificate, command, now, regions, token } = publish;
  const hour = statisticsHour(now, deps.settings);
  return await storeKeys(deps, {
    facts: {
      now: deps.clock.forDatabase(),
      receipt,
      interval: intervalOf(now),
      appId: app.id,
      authorityId: certificate?.authorityId ?? null,
      reportType: certificate?.reportType ?? 'none',
      traveler: command.traveler,
      regions,
    },
    keys,
    keyOrder: certificate?.keyOrder ?? [],
    token,
    policy: { requiresToken: !app.bypassesRevisionToken, allowsPartial: deps.settings.allowPartialRevisions },
    warnings,
    count: (written) =>
      certificate === undefined
        ? null
        : {
            authorityId: certificate.authorityId,
            hour,
            counts: countsOf({ platform: command.platform, ...written, keys, onset, now }),
          },
  });
}

/** Nothing may be stored; a repetition may still have been answered while its keys and its attestation were young enough. */
async function answerUnstored(
  publish: Publish,
  { transformed, tooOld }: { readonly transformed: Transformed; readonly tooOld: AppError | undefined },
  { receipt, deps }: StoreContext,
): Promise<PublishAnswer> {
  const earlier = receipt && (await findEarlierAnswer(deps.database, receipt));
  if (earlier) return answerAgain(publish, earlier, deps.settings);
  if (tooOld) throw tooOld;
  const { refusal, warnings } = transformed;
  if (refusal === undefined) return answer(publish, { ...transformed, ...nothingStored }, deps.settings);
  throw new AppError('invalid', 'bad_request', `unable to read request data: ${refusal}`, { details: warnings });
}

const nothingStored = { inserted: 0, revised: 0, listed: [] };
