/** The intake on a database of its own, with partners that send, and a clock that stands still until it is moved. */
import { authorityId, type AuthorityId } from '../../../src/domain/federation/authority-id.ts';
import type { AcceptGrant, PullRule } from '../../../src/domain/configuration/configuration.ts';
import type { SentKey } from '../../../src/domain/federation/sent-key.ts';
import type { Verdict } from '../../../src/domain/federation/verdict.ts';
import { replayQuarantine, type ReplayCounts } from '../../../src/federation/intake/replay.ts';
import { senderOf } from '../../../src/federation/intake/sender.ts';
import type { IntakeDeps, IntakeSettings } from '../../../src/federation/intake/settings.ts';
import { takeKeys } from '../../../src/federation/intake/take-keys.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import type { Database } from '../../../src/storage/database.ts';
import { quarantineCounts, type IntakeDirection } from '../../../src/storage/partners/partner-quarantine.ts';
import { readPartner, type KnownPartner } from '../../../src/storage/partners/partners.ts';
import { closeWindows } from '../../../src/storage/windows.ts';
import { createTestDatabase } from '../../support/postgres.ts';

/** The present of these tests, and its 10-minute interval. */
export const now = new Date('2026-03-15T13:47:30Z');
export const currentInterval = Math.floor(now.getTime() / 600_000);

/** Whose intake it is. */
export const self: AuthorityId = 'https://id.aa.example#federation';

export const intakeSettings: IntakeSettings = {
  rules: {
    maxIntervalAgeSeconds: 15 * 86_400,
    maxSymptomOnsetDays: 14,
    releaseSameDayKeys: false,
    truncateSeconds: 3_600,
  },
  maxKeysPerDay: 0,
  maxQuarantine: 1_000,
};

/** What a partner may send: a pull of region BB, and pushes of region BB, unless it says otherwise. */
export interface PartnerGrants {
  readonly pull?: Partial<PullRule> | null;
  readonly accept?: AcceptGrant | null;
}

/** What a test works with. */
export interface Intake extends AsyncDisposable {
  readonly url: string;
  readonly database: Database;
  readonly clock: ManualClock;
  readonly deps: IntakeDeps;
  /** Configures a partner. Its issuer is `https://id.NAME.example`. */
  addPartner(name: string, grants?: PartnerGrants): Promise<KnownPartner>;
  /** The partner as it is configured now. */
  partner(id: number): Promise<KnownPartner>;
  /** Takes a batch in, in a transaction of its own. */
  take(partner: KnownPartner, keys: readonly SentKey[], direction?: IntakeDirection): Promise<readonly Verdict[]>;
  /** Judges refused keys of the partner, as it is configured now, again. */
  replay(partner: KnownPartner, reason?: string): Promise<ReplayCounts>;
  stored(): Promise<readonly StoredRow[]>;
  /** Reason → keys in quarantine. */
  quarantine(partner: KnownPartner): Promise<Readonly<Record<string, number>>>;
  /** Moves the clock into the next window, and closes the one before. */
  nextWindow(): Promise<void>;
}

/** A stored key, as tests look at it. */
export interface StoredRow {
  readonly key: Buffer;
  readonly created_at: Date;
  readonly revised_at: Date | null;
  readonly withdrawn_at: Date | null;
  readonly report_type: number;
  readonly revised_report_type: number | null;
  readonly revised_regions: string[] | null;
  readonly partner_id: number | null;
  readonly regions: string[];
  readonly provenance: string[] | null;
}

/** Opens it; use it with `await using`. */
export async function openIntake(settings: Partial<IntakeSettings> = {}): Promise<Intake> {
  const { url, database, [Symbol.asyncDispose]: drop } = await createTestDatabase({ now });
  const clock = new ManualClock(now);
  const deps: IntakeDeps = {
    database,
    clock,
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
    settings: { ...intakeSettings, ...settings },
    self,
  };
  return {
    url,
    database,
    clock,
    deps,
    addPartner: (name, grants) => addPartner(database, name, grants),
    partner: async (id) => (await readPartner(database, id))!,
    take: (partner, keys, direction = 'pull') => takeBatch(deps, { partner, keys, direction }),
    replay: async ({ id }, reason) => {
      const partner = (await readPartner(database, id))!;
      const { signal } = new AbortController();
      return await replayQuarantine(deps, { partner, signal, ...(reason === undefined ? {} : { reason }) });
    },
    stored: async () =>
      (await database.query<StoredRow & Record<string, unknown>>('select * from exposures order by key')).rows,
    quarantine: async ({ id }) =>
      Object.fromEntries((await quarantineCounts(database, id)).map(({ reason, keys }) => [reason, keys])),
    nextWindow: async () => {
      clock.advance(3_600_000);
      await closeWindows(database, clock);
    },
    [Symbol.asyncDispose]: drop,
  };
}

/** Takes a batch in, in a transaction of its own, on whatever pool. */
export async function takeBatch(
  deps: IntakeDeps,
  batch: { readonly partner: KnownPartner; readonly keys: readonly SentKey[]; readonly direction: IntakeDirection },
): Promise<readonly Verdict[]> {
  const sender = senderOf(batch.partner, batch.direction);
  return await deps.database.transaction((client) =>
    takeKeys(client, deps, { sender, keys: batch.keys, now: deps.clock.now() }),
  );
}

/** The partner under that name in paths. */
export function authorityOf(name: string): AuthorityId {
  return authorityId({ issuer: `https://id.${name}.example`, subject: 'federation' });
}

/** A key of two days ago as a partner sends it, told from others by a number. */
export function sentKey(number: number, change: Partial<SentKey> = {}): SentKey {
  const key = Buffer.alloc(16, 7);
  key.writeUInt32BE(number);
  return {
    key,
    event: 'published',
    intervalStart: currentInterval - 400,
    intervalCount: 144,
    transmissionRisk: 3,
    reportType: 'likely',
    daysSinceOnset: 2,
    traveler: false,
    regions: ['BB'],
    path: [],
    ...change,
  };
}

/** Configures a partner in any database; see {@link Intake.addPartner}. */
export async function addPartner(
  database: Database,
  name: string,
  { pull = {}, accept = { regions: ['BB'] } }: PartnerGrants = {},
): Promise<KnownPartner> {
  const rule = { regions: ['BB'], excludeRegions: [], onlyTravelers: false, protocol: 'stream', ...pull };
  const { rows } = await database.query<{ id: number }>(
    `insert into partners (name, address, identity_issuer, identity_subject, identity_audience, our_audience,
                           require_server_identity, pull, accept)
     values ($1, 'localhost:1', $2, 'federation', 'https://aa.example', $3, true, $4, $5) returning id`,
    [name, `https://id.${name}.example`, `https://${name}.example`, pull === null ? null : rule, accept],
  );
  return (await readPartner(database, rows[0]!.id))!;
}
