/** A federation port that partners read from: real gRPC, a real database, and partners whose tokens a test's issuer makes. */
import { randomBytes } from 'node:crypto';
import { Metadata } from 'nice-grpc';
import type { Partner, ServeGrant } from '../../../src/domain/configuration/configuration.ts';
import { createPartnerLimits } from '../../../src/federation/limits/partner-limits.ts';
import { createFetchService } from '../../../src/federation/serve/fetch-service.ts';
import type { ServeSettings } from '../../../src/federation/serve/settings.ts';
import { createFederationService } from '../../../src/federation/service.ts';
import {
  FederationServiceDefinition,
  type SubscribeResponse,
} from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { FederationDefinition } from '../../../src/gen/federation.ts';
import { createGrpcClient, type GrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import type { KnownPartner } from '../../../src/storage/partners/partners.ts';
import { plain } from '../../platform/grpc/installation.ts';
import { startIssuer } from '../../support/issuer.ts';
import { ourAudience, partnerOf, silent, startAuthority, type TestAuthority } from '../auth/authority.ts';

type Client = GrpcClient<typeof FederationServiceDefinition>['client'];

/** What a test works with. */
export interface Serving extends AsyncDisposable {
  readonly authority: TestAuthority;
  readonly partner: KnownPartner;
  readonly target: string;
  /** Calls of partners on Enmesh. */
  readonly client: Client;
  /** A token of the partner's, as of now. */
  token(): Promise<string>;
  /** What a call of the partner's carries. */
  metadata(): Promise<Metadata>;
  /** All responses of one stream. */
  subscribe(request: Parameters<Client['subscribe']>[0]): Promise<SubscribeResponse[]>;
  /** What the partner may read from now on; null = nothing. */
  grant(serve: Partial<ServeGrant> | null): Promise<void>;
  pause(): Promise<void>;
  /** Moves the clock to the end of the present window. */
  endWindow(): void;
  /** The role stops. */
  stopStreams(): void;
}

/** Longer than any window of a test. */
export const tokenLifeSeconds = 20 * 3_600;

const everything: ServeGrant = {
  regions: ['AA', 'BB'],
  excludeRegions: [],
  onlyLocal: false,
  onlyTravelers: false,
  omitOnset: false,
};

/** Settings that differ from an ordinary installation's. */
export interface ServingOptions extends Partial<ServeSettings> {
  readonly maxStreams?: number;
  readonly callsPerMinute?: number;
  readonly slowReaderMs?: number;
  readonly partner?: Partial<Partner>;
}

/** Starts it; use it with `await using`. */
export async function openServing({
  slowReaderMs,
  partner: change,
  callsPerMinute = 0,
  ...settings
}: ServingOptions = {}): Promise<Serving> {
  await using opened = new AsyncDisposableStack();
  const issuer = opened.use(await startIssuer());
  const authority = opened.use(await startAuthority());
  const { database, clock, auth } = authority;
  const partner = await authority.addPartner(partnerOf(issuer.issuer, { serve: everything, ...change }));
  const stopping = new AbortController();
  const common = { database, clock, logger: silent, metrics: new Metrics(), authenticator: auth.authenticator };
  const { maxStreams = 8 } = settings;
  const serving = {
    ...common,
    identity: { issuer: 'https://id.aa.example', subject: 'federation' },
    limits: createPartnerLimits({ callsPerMinute, maxStreams }),
    settings: { fetchMaxKeys: 500, followMs: 20, maxStreams, ...settings },
  };
  const receiving = { ...common, self: auth.self, readmitEveryMs: 10_000, settings: noIntake };
  const server = await startGrpcServer({
    settings: plain,
    services: [
      grpcService(FederationDefinition, createFetchService(serving)),
      grpcService(
        FederationServiceDefinition,
        createFederationService({ serving, receiving, stopping: stopping.signal }),
      ),
    ],
    isReady: () => Promise.resolve(true),
    stopTimeoutMs: 1_000,
    ...(slowReaderMs === undefined ? {} : { slowReaderMs }),
    ...common,
  });
  opened.defer(() => server.stop());
  const stopStreams = (): void => {
    stopping.abort(new Error('the test is over'));
  };
  opened.defer(stopStreams);
  const target = `127.0.0.1:${String(server.address.port)}`;
  const { client, close } = createGrpcClient(FederationServiceDefinition, target, {});
  opened.defer(close);
  const all = opened.move();
  const token = async () => {
    const exp = Math.floor(clock.now().getTime() / 1000) + tokenLifeSeconds;
    return await issuer.token({ sub: 'federation', aud: ourAudience, exp }, { now: clock.now() });
  };
  const metadata = async () =>
    new Metadata({ authorization: `Bearer ${await token()}`, 'enmesh-nonce': randomBytes(16).toString('base64url') });
  return {
    ...{ authority, partner, target, client, token, metadata, stopStreams },
    subscribe: async (request) => await Array.fromAsync(client.subscribe(request, { metadata: await metadata() })),
    grant: async (serve) => {
      const value = serve === null ? null : JSON.stringify({ ...everything, ...serve });
      await database.query('update partners set serve = $1', [value]);
    },
    pause: async () => {
      await database.query('update partners set paused_at = clock_timestamp()');
    },
    endWindow: () => {
      const hour = 3_600_000;
      clock.set(new Date((Math.floor(clock.now().getTime() / hour) + 1) * hour));
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Partners of these tests push nothing. */
const noIntake = {
  rules: { maxIntervalAgeSeconds: 1, maxSymptomOnsetDays: 1, releaseSameDayKeys: false, truncateSeconds: 3_600 },
  maxKeysPerDay: 0,
  maxQuarantine: 0,
};
