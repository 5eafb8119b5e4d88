/** The federation role: exchanges keys with partners, proves who we are to them, and takes in what other authorities publish. */
import { AppError } from '../domain/errors.ts';
import { FederationServiceDefinition } from '../gen/enmesh/federation/v1/federation.ts';
import { IdentityServiceDefinition } from '../gen/enmesh/federation/v1/identity.ts';
import { ImportServiceDefinition } from '../gen/enmesh/federation/v1/import.ts';
import { PartnerServiceDefinition } from '../gen/enmesh/federation/v1/partners.ts';
import { FederationDefinition } from '../gen/federation.ts';
import type { Clock } from '../platform/clock.ts';
import type { Values } from '../platform/config/load.ts';
import type { Address } from '../platform/config/readers.ts';
import { grpcServerSettings } from '../platform/grpc/server-settings.ts';
import { grpcService, startGrpcServer, type GrpcService } from '../platform/grpc/server.ts';
import type { Job, JobQueue, Schedule } from '../platform/jobs.ts';
import type { KeyManager } from '../platform/key-manager/key-manager.ts';
import type { Running } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Database } from '../storage/database.ts';
import { openAuth, type Auth } from './auth/open.ts';
import { authSettings, type OwnIdentity } from './auth/settings.ts';
import { exchangeJobs, exchangeSchedules } from './exchange/jobs.ts';
import { exchangeSettings } from './exchange/settings.ts';
import { ensureIdentityKey } from './identity/ensure.ts';
import { createIdentityService } from './identity/service.ts';
import { importJobs, importSchedules } from './import/jobs.ts';
import { createImportService } from './import/service.ts';
import { importSettings } from './import/settings.ts';
import { intakeSettings, type IntakeDeps } from './intake/settings.ts';
import { createPartnerLimits } from './limits/partner-limits.ts';
import { partnerLimitSettings } from './limits/settings.ts';
import { watchPartners } from './partners/metrics.ts';
import { createPartnerService } from './partners/service.ts';
import { createFetchService } from './serve/fetch-service.ts';
import { serveSettings } from './serve/settings.ts';
import { createFederationService } from './service.ts';

/** What the role is given. */
export interface FederationDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly keyManager: KeyManager;
  readonly jobQueue: Pick<JobQueue, 'enqueue'>;
  isReady(): Promise<boolean>;
}

/** Starts listening and looking for work. */
export async function startFederation(
  values: Values,
  deps: FederationDeps,
): Promise<
  Running & { readonly address: Address; readonly jobs: readonly Job[]; readonly schedules: readonly Schedule[] }
> {
  const listening = await grpcServerSettings(values, 'ENMESH_FEDERATION');
  const imports = { ...deps, settings: await importSettings(values) };
  const stopping = new AbortController();
  const identities = await authSettings(values);
  const identity = { ...deps, identity: identities.identity };
  await ensureIdentityKey(identity, { createMissing: values.ENMESH_CREATE_KEYS });
  const auth = await openAuth({ ...deps, settings: identities, signal: stopping.signal });
  const intake = { ...deps, settings: intakeSettings(values), self: auth.self };
  const exchanges = {
    ...deps,
    settings: exchangeSettings(values),
    channel: auth.channels,
    intake,
    random: () => Math.random(),
  };
  watchPartners(deps);
  const grpc = await startGrpcServer({
    ...deps,
    ...listening,
    slowReaderMs,
    services: [
      grpcService(ImportServiceDefinition, createImportService(imports, stopping.signal)),
      grpcService(IdentityServiceDefinition, createIdentityService(identity)),
      grpcService(PartnerServiceDefinition, createPartnerService(exchanges, stopping.signal)),
      ...partnerServices(values, { ...deps, auth, intake, identity: identities.identity, stopping: stopping.signal }),
    ],
  });
  return {
    ...grpc,
    jobs: [...importJobs(imports), ...exchangeJobs(exchanges)],
    schedules: [...importSchedules(imports), ...exchangeSchedules(exchanges)],
    stop: async () => {
      stopping.abort(new AppError('unavailable', 'unavailable', 'the federation role is stopping; try again later'));
      await grpc.stop();
    },
  };
}

/** A partner that takes nothing of a message for so long is cut off. */
const slowReaderMs = 60_000;
/** A partner that is paused, or whose token has expired, is noticed so soon on a stream on which nothing comes. */
const readmitEveryMs = 10_000;

interface PartnerServiceDeps extends FederationDeps {
  readonly auth: Auth;
  readonly identity: OwnIdentity;
  readonly intake: IntakeDeps;
  /** Ends streams. */
  readonly stopping: AbortSignal;
}

/** What partners call: what they read, and what they push. */
function partnerServices(
  values: Values,
  { auth, identity, intake, stopping, ...deps }: PartnerServiceDeps,
): GrpcService[] {
  const limits = partnerLimitSettings(values);
  const serving = {
    ...deps,
    authenticator: auth.authenticator,
    identity: { issuer: identity.issuer ?? '', subject: identity.subject },
    limits: createPartnerLimits(limits),
    settings: serveSettings(values, limits),
  };
  const receiving = { ...intake, authenticator: auth.authenticator, readmitEveryMs };
  return [
    grpcService(FederationDefinition, createFetchService(serving)),
    grpcService(FederationServiceDefinition, createFederationService({ serving, receiving, stopping })),
  ];
}
