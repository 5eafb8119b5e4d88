/** The use case: a phone publishes the keys of a diagnosed person. */
import type { KeyObject } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { intervalOf, startOfInterval } from '../../domain/publish/interval.ts';
import type { KeptKey } from '../../domain/publish/request.ts';
import { nextTokenEntries, type RevisableKey, type SentToken } from '../../domain/publish/revision.ts';
import { transform, type Transformed } from '../../domain/publish/transform.ts';
import { earliestEnd } from '../../domain/publish/validate-key.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../storage/database.ts';
import { findEarlierAnswer, type EarlierAnswer, type Receipt } from '../../storage/receipts.ts';
import type { App, AuthorityCache } from './authority-cache.ts';
import { verifyCertificate, type VerifiedCertificate } from './certificate.ts';
import type { PublishAnswer, PublishCommand } from './command.ts';
import { echo } from './echo.ts';
import { decodeTokens, receiptOf } from './receipt.ts';
import { regionsOf } from './regions.ts';
import type { RevisionKeys } from './revision-keys.ts';
import { openRevisionToken, parseRevisionToken, sealRevisionToken, type RevisionKey } from './revision-token.ts';
import type { PublishSettings } from './settings.ts';
import { storeKeys, type StoreResult } from './store-keys.ts';

/** What the use case depends on. */
export interface PublishKeysDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly authorities: AuthorityCache;
  readonly revisionKeys: RevisionKeys;
  readonly settings: PublishSettings;
  /** Key of the hashes in receipts. */
  readonly receiptSecret: KeyObject;
}

/** What is known of a publish before anything is written. */
interface Publish {
  readonly command: PublishCommand;
  readonly now: Date;
  readonly app: App;
  readonly regions: readonly string[];
  /** Undefined where the app needs none and sent none that holds. */
  readonly certificate: VerifiedCertificate | undefined;
  readonly token: SentToken;
  /** Seals the answer's token: had before anything is stored. */
  readonly sealingKey: RevisionKey;
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
  const sealingKey = await deps.revisionKeys.newest();
  const token = await readToken(command.revisionToken, deps);
  const publish: Publish = { command, now, app, regions, certificate, token, sealingKey };
  const transformed = transform(command, { claims: certificate, settings: deps.settings, now });
  const receipt = certificate ? receiptOf(command, certificate, deps.receiptSecret) : null;
  if (transformed.keys.length === 0) return await answerWithoutKeys(publish, transformed, { receipt, deps });
  const result = await store(publish, transformed, { receipt, deps });
  if (result.repeated) return answerAgain(publish, result.repeated, deps);
  const { inserted, revised, listed } = result;
  return answer(publish, { ...transformed, inserted, revised, listed }, deps.settings);
}

async function appOf({ appId }: PublishCommand, { authorities }: PublishKeysDeps): Promise<App> {
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

async function readToken(text: string, { revisionKeys, settings }: PublishKeysDeps): Promise<SentToken> {
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
  { keys, warnings }: Transformed,
  { receipt, deps }: StoreContext,
): Promise<StoreResult> {
  const { app, certificate, command, now, regions, token } = publish;
  return await storeKeys(deps.database, {
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
  });
}

/** All keys were refused or left out; a repetition may still have been answered while they were young enough. */
async function answerWithoutKeys(
  publish: Publish,
  transformed: Transformed,
  { receipt, deps }: StoreContext,
): Promise<PublishAnswer> {
  const earlier = receipt && (await findEarlierAnswer(deps.database, receipt));
  if (earlier) return answerAgain(publish, earlier, deps);
  const { refusal, warnings } = transformed;
  if (refusal === undefined) return answer(publish, { ...transformed, ...nothingStored }, deps.settings);
  throw new AppError('invalid', 'bad_request', `unable to read request data: ${refusal}`, { details: warnings });
}

const nothingStored = { inserted: 0, revised: 0, listed: [] };

/** Says what was said the first time, of keys as they were then, with a fresh token. */
function answerAgain(publish: Publish, earlier: EarlierAnswer, { settings }: PublishKeysDeps): PublishAnswer {
  const { command, certificate } = publish;
  const then = transform(command, { claims: certificate, settings, now: startOfInterval(earlier.interval) });
  const listed: readonly KeptKey[] = decodeTokens(earlier, certificate?.keyOrder ?? [], then.keys);
  return answer(publish, { ...then, inserted: earlier.inserted, revised: 0, listed }, settings);
}

type Result = Pick<Transformed, 'warnings' | 'faults'> & {
  readonly inserted: number;
  readonly revised: number;
  readonly listed: readonly RevisableKey[];
};

function answer(publish: Publish, { listed, ...result }: Result, settings: PublishSettings): PublishAnswer {
  const { inserted, revised, warnings, faults } = result;
  const entries = nextTokenEntries(publish.token, listed, earliestEnd(settings, publish.now));
  const revisionToken =
    entries.length === 0
      ? ''
      : sealRevisionToken(entries, publish.sealingKey, {
          aad: settings.revisionTokenAad,
          minLength: settings.revisionTokenMinLength,
        });
  return { revisionToken, inserted, revised, warnings, faults };
}
