/** The publish use case on a database of its own, with a phone that may publish. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppError } from '../../../src/domain/errors.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { FilesystemKeyManager } from '../../../src/platform/key-manager/filesystem.ts';
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { resolveSecret } from '../../../src/platform/secrets/secrets.ts';
import { Attestations } from '../../../src/server/attestation/attestations.ts';
import type { PublishAnswer, PublishCommand } from '../../../src/server/publish/command.ts';
import { preparePublish, type PublishSettings } from '../../../src/server/publish/service.ts';
import type { Database } from '../../../src/storage/database.ts';
import { insertAuthority, type Authority, type AuthorityOptions } from '../../support/authority.ts';
import type { PublishBody, PublishOptions } from '../../support/phone.ts';
import { createTestDatabase } from '../../support/postgres.ts';

/** The present of these tests. */
export const now = new Date('2026-03-15T13:47:30Z');

export const publishSettings: PublishSettings = {
  maxKeys: 30,
  maxSameStart: 3,
  maxIntervalAgeSeconds: 15 * 86_400,
  maxSymptomOnsetDays: 14,
  maxValidSymptomOnsetReportDays: 28,
  defaultSymptomOnsetDaysAgo: 4,
  releaseSameDayKeys: false,
  truncateSeconds: 3_600,
  allowPartialRevisions: false,
  certificateLeewaySeconds: 60,
  certificateMaxLifetimeSeconds: 86_400,
  revisionTokenKey: 'revision-token',
  revisionTokenAad: Buffer.from('an installation secret'),
  revisionTokenMinLength: 28,
  revisionKeyCacheSeconds: 60,
  authorityCacheSeconds: 10,
};

/** What a test works with. */
export interface Publisher extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
  readonly clock: ManualClock;
  readonly keyManager: KeyManager;
  /** Secrets of its apps are those of {@link makePublisher}'s options. */
  readonly attestations: Attestations;
  readonly metrics: Metrics;
  readonly authority: Authority;
  /** A body of the sample phone, made at the clock's time. */
  body(options?: Partial<PublishOptions>): PublishBody;
  publish(body: PublishBody, change?: Partial<PublishCommand>): Promise<PublishAnswer>;
  /** Another process of the same installation. */
  replica(settings?: Partial<PublishSettings>, database?: Database): (body: PublishBody) => Promise<PublishAnswer>;
}

/** Sets it up; use it with `await using`. */
export async function makePublisher(
  options: AuthorityOptions & {
    readonly settings?: Partial<PublishSettings>;
    readonly secrets?: NodeJS.ProcessEnv;
  } = {},
): Promise<Publisher> {
  const test = await createTestDatabase({ now });
  const { database } = test;
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-publisher-'));
  const keyManager = new FilesystemKeyManager(dir);
  await keyManager.createEncryptionKey('revision-token');
  const clock = new ManualClock(now);
  const metrics = new Metrics();
  const attestations = new Attestations({
    readSecret: (reference) => resolveSecret(reference, options.secrets ?? {}),
    clock,
    metrics,
    logger: createLogger({ level: 'silent', pretty: false }),
  });
  const authority = await insertAuthority(database, options);
  const prepare = (settings: Partial<PublishSettings> = {}, on: Database = database) =>
    preparePublish({
      database: on,
      clock,
      keyManager,
      attestations,
      settings: { ...publishSettings, ...options.settings, ...settings },
    });
  const publish = prepare();
  return {
    url: test.url,
    database,
    clock,
    keyManager,
    attestations,
    metrics,
    authority,
    body: (change = {}) => authority.phone.publishBody({ now: clock.now(), ...change }),
    publish: (body, change = {}) => publish({ ...commandOf(body), ...change }),
    replica: (settings, on) => {
      const other = prepare(settings, on);
      return (body) => other(commandOf(body));
    },
    [Symbol.asyncDispose]: async () => {
      await test[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
}

/** What the gateway makes of a body. */
export function commandOf(body: PublishBody): PublishCommand {
  return {
    appId: body.healthAuthorityID,
    keys: body.temporaryExposureKeys.map((key) => ({ ...key, transmissionRisk: BigInt(key.transmissionRisk ?? 0) })),
    certificate: body.verificationPayload,
    hmacKey: body.hmacKey,
    symptomOnsetInterval: body.symptomOnsetInterval ?? 0,
    traveler: body.traveler ?? false,
    revisionToken: body.revisionToken ?? '',
    regions: [],
    platform: 'unknown',
    attestation: { platform: body.platform ?? '', payload: body.deviceVerificationPayload ?? '' },
  };
}

/** A stored key as the table has it. */
export interface ExposureRow {
  key: Buffer;
  created_at: Date;
  revised_at: Date | null;
  interval_start: number;
  interval_count: number;
  app_id: number | null;
  health_authority_id: number | null;
  transmission_risk: number;
  report_type: number;
  days_since_onset: number | null;
  revised_report_type: number | null;
  revised_transmission_risk: number | null;
  revised_days_since_onset: number | null;
  traveler: boolean;
  revised_traveler: boolean | null;
  regions: string[];
  revised_regions: string[] | null;
}

/** All stored keys, oldest first. */
export async function storedRows(database: Database): Promise<ExposureRow[]> {
  return (await database.query<ExposureRow>('select * from exposures order by interval_start, key')).rows;
}

/** How a promise was refused. */
export async function refusalOf(
  promise: Promise<unknown>,
): Promise<Pick<AppError, 'kind' | 'code' | 'message' | 'details'>> {
  const error: unknown = await promise.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  const { kind, code, message, details } = error as AppError;
  return { kind, code, message, details };
}
