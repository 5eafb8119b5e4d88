/** One authority's side of the exchange: a database, an issuer, a federation port, and runs of exchanges when a test says so. */
import type { Partner } from '../../../src/domain/configuration/configuration.ts';
import { createPartnerAuthenticator } from '../../../src/federation/auth/caller.ts';
import type { IdentityTokens } from '../../../src/federation/auth/identity-tokens.ts';
import { readIssuerKeys } from '../../../src/federation/auth/issuer-documents.ts';
import { IssuerKeys } from '../../../src/federation/auth/issuer-keys.ts';
import { createTokenVerifier } from '../../../src/federation/auth/token-verifier.ts';
import { runExchange, type ExchangeProgress } from '../../../src/federation/exchange/run.ts';
import type { ExchangeDeps, ExchangeSettings } from '../../../src/federation/exchange/settings.ts';
import { createPartnerLimits } from '../../../src/federation/limits/partner-limits.ts';
import { createFetchService } from '../../../src/federation/serve/fetch-service.ts';
import { createFederationService } from '../../../src/federation/service.ts';
import { FederationServiceDefinition } from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { FederationDefinition } from '../../../src/gen/federation.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { savePartner } from '../../../src/storage/configuration/partners.ts';
import type { Database } from '../../../src/storage/database.ts';
import { exchangeStates, type Direction, type ExchangeState } from '../../../src/storage/partners/partner-exchanges.ts';
import { findPartner } from '../../../src/storage/partners/partners.ts';
import { closeWindows } from '../../../src/storage/windows.ts';
import { plain } from '../../platform/grpc/installation.ts';
import { startIssuer, type TestIssuer } from '../../support/issuer.ts';
import { createTestDatabase, openPool } from '../../support/postgres.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { intakeSettings } from '../intake/intake.ts';

/** The present of these tests. */
export const now = new Date('2026-03-15T13:47:30Z');
/** The start of the last window that is closed then. */
export const lastClosed = new Date('2026-03-15T11:00:00Z');

const exchangeSettings: ExchangeSettings = {
  intervalSeconds: 300,
  concurrency: 4,
  leaseSeconds: 30,
  runSeconds: 600,
  turnSeconds: 30,
  idleSeconds: 20,
  probeSeconds: 1,
};

/** What is not the same everywhere. */
export interface InstallationOptions {
  readonly clock?: ManualClock;
  readonly settings?: Partial<ExchangeSettings>;
  readonly maxKeysPerDay?: number;
}

/** What a test works with. */
export interface Installation extends AsyncDisposable {
  /** `aa` also is its region AA. */
  readonly name: string;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly clock: ManualClock;
  readonly issuer: TestIssuer;
  /** Its name in the paths of keys. */
  readonly id: string;
  /** Partners come this way, and it can be cut. */
  readonly link: TcpProxy;
  readonly deps: ExchangeDeps;
  /** Calls that partners made, by their path. */
  readonly calls: string[];
  /** Its tokens, as a client and in answers. */
  readonly tokens: IdentityTokens;
  /** Configures a partner. @returns its id */
  addPartner(partner: PartnerMember): Promise<number>;
  /** A member of another's `partners`. */
  asPartner(rules?: Partial<Partner>): PartnerMember;
  /** Runs an exchange, as a job does unless somebody asks. @returns what it told */
  run(partner: string, direction: Direction, options?: RunOptions): Promise<readonly ExchangeProgress[]>;
  /** Where an exchange stands. */
  state(partner: string, direction: Direction): Promise<ExchangeState | undefined>;
  /** Another process of the same authority. */
  secondProcess(): Promise<ExchangeDeps & AsyncDisposable>;
}

/** How to run. */
export interface RunOptions {
  readonly isAsked?: boolean;
  readonly signal?: AbortSignal;
  /** Another process. */
  readonly deps?: ExchangeDeps;
}

/** A member of `partners`. */
export type PartnerMember = Partial<Partner> & Pick<Partner, 'name' | 'address' | 'identity'>;

const never = new AbortController().signal;

/** Starts it; use it with `await using`. */
export async function openInstallation(name: string, options: InstallationOptions = {}): Promise<Installation> {
  await using opened = new AsyncDisposableStack();
  const clock = options.clock ?? new ManualClock(now);
  const { url, database } = opened.use(await createTestDatabase({ now: clock.now() }));
  const issuer = opened.use(await startIssuer());
  const identity = { issuer: issuer.issuer, subject: name };
  const id = `${identity.issuer}#${identity.subject}`;
  const tokens: IdentityTokens = {
    forCalls: async (aud) => await issuer.token({ sub: name, aud }, { now: clock.now() }),
    forAnswer: async (aud, nonce) => await issuer.token({ sub: name, aud, nonce }, { now: clock.now() }),
  };
  const verifier = createTokenVerifier({
    clock,
    keys: new IssuerKeys({
      clock,
      read: async (partner) =>
        await readIssuerKeys(
          partner,
          { places: { ca: undefined, allowPrivateAddresses: true, allowLoopback: true }, timeoutMs: 10_000 },
          never,
        ),
    }),
  });
  const common = { database, clock, logger: createLogger({ level: 'silent', pretty: false }), metrics: new Metrics() };
  const intake = {
    ...common,
    settings: { ...intakeSettings, maxKeysPerDay: options.maxKeysPerDay ?? 0 },
    self: id as ExchangeDeps['intake']['self'],
  };
  const deps: ExchangeDeps = {
    ...common,
    settings: { ...exchangeSettings, ...options.settings },
    channel: { tokens, verifier, settings: { tls: {}, allowLoopback: true } },
    intake,
    random: () => 0.5,
  };
  const calls: string[] = [];
  const authenticator = createPartnerAuthenticator({ database, clock, tokens, verifier });
  const serving = {
    ...common,
    authenticator: {
      ...authenticator,
      authenticate: async (metadata: Parameters<typeof authenticator.authenticate>[0]) => {
        calls.push('authenticated');
        return await authenticator.authenticate(metadata);
      },
    },
    identity,
    limits: createPartnerLimits({ callsPerMinute: 0, maxStreams: 8 }),
    settings: { fetchMaxKeys: 500, followMs: 50, maxStreams: 8 },
  };
  const stopping = new AbortController();
  const receiving = { ...intake, authenticator, readmitEveryMs: 10_000 };
  const server = await startGrpcServer({
    ...common,
    settings: plain,
    services: [
      grpcService(
        FederationServiceDefinition,
        createFederationService({ serving, receiving, stopping: stopping.signal }),
      ),
      grpcService(FederationDefinition, createFetchService(serving)),
    ],
    isReady: () => Promise.resolve(true),
    stopTimeoutMs: 1_000,
  });
  opened.defer(() => server.stop());
  opened.defer(() => {
    stopping.abort();
  });
  const link = opened.use(await TcpProxy.open(server.address.port));
  const kept = opened.move();
  const idOf = async (partner: string): Promise<number> => (await findPartner(database, partner))!.id;
  return {
    name,
    database,
    databaseUrl: url,
    clock,
    issuer,
    id,
    link,
    deps,
    calls,
    tokens,
    addPartner: async (partner) => {
      await savePartner(database, {
        ourAudience: audience,
        requireServerIdentity: true,
        serve: null,
        pull: null,
        accept: null,
        push: null,
        ...partner,
      });
      return await idOf(partner.name);
    },
    asPartner: (rules = {}) => ({
      name,
      address: `127.0.0.1:${String(link.port)}`,
      identity: { ...identity, audience },
      ...rules,
    }),
    run: async (partner, direction, { isAsked = false, signal = never, deps: process = deps } = {}) =>
      await Array.fromAsync(runExchange(process, { partnerId: await idOf(partner), direction, isAsked, signal })),
    state: async (partner, direction) => {
      const partnerId = await idOf(partner);
      const states = await exchangeStates(database, clock);
      return states.find((state) => state.partnerId === partnerId && state.direction === direction);
    },
    secondProcess: async () => {
      const pool = openPool(url);
      await Promise.resolve();
      return {
        ...deps,
        database: pool.database,
        intake: { ...intake, database: pool.database },
        [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** All tokens of these tests are for it: who they are from tells partners apart. */
const audience = 'https://partners.example';

/** Two authorities that know each other: `aa` grants all, and takes all, of regions AA and BB. */
export async function openPair(
  options: InstallationOptions & { readonly rules?: Partial<Partner> } = {},
): Promise<{ readonly aa: Installation; readonly bb: Installation } & AsyncDisposable> {
  await using opened = new AsyncDisposableStack();
  const aa = opened.use(await openInstallation('aa', options));
  const bb = opened.use(await openInstallation('bb', { ...options, clock: aa.clock }));
  await aa.addPartner(bb.asPartner({ serve: grant, accept: { regions: ['AA', 'BB'] } }));
  await bb.addPartner(
    aa.asPartner({ pull: pullAll, push: { regions: ['AA', 'BB'], onlyLocal: false }, ...options.rules }),
  );
  const kept = opened.move();
  return { aa, bb, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

export const pullAll = { regions: [], excludeRegions: [], onlyTravelers: false, protocol: 'stream' } as const;

const grant = {
  regions: ['AA', 'BB'],
  excludeRegions: [],
  onlyLocal: false,
  onlyTravelers: false,
  omitOnset: false,
};

/** Puts in keys that were published there, in a closed window unless the change says otherwise. */
export async function addKeys(
  { database, clock }: Pick<Installation, 'database' | 'clock'>,
  count: number,
  change: { readonly from?: number; readonly at?: Date; readonly regions?: readonly string[] } = {},
): Promise<void> {
  const { from = 0, at = lastClosed, regions = ['AA'] } = change;
  await database.query(
    `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type,
                            days_since_onset, traveler, regions)
     select decode(md5(i::text), 'hex'), $3, $4, 144, 3, 2, 2, false, $5
       from generate_series($1::integer, $2::integer) as i`,
    [from + 1, from + count, at, Math.floor(clock.now().getTime() / 600_000) - 400, regions],
  );
}

/** All keys, as hexadecimal, in their order. */
export async function storedKeys({ database }: Pick<Installation, 'database'>): Promise<readonly string[]> {
  const { rows } = await database.query<{ key: string }>(
    `select encode(key, 'hex') as key from exposures order by key`,
  );
  return rows.map(({ key }) => key);
}

/** Moves the clock on by an hour, and closes the windows that have ended. */
export async function nextWindow({ clock, database }: Pick<Installation, 'database' | 'clock'>): Promise<void> {
  clock.advance(3_600_000);
  await closeWindows(database, clock);
}
