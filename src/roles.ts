/** The one composition root: which role needs what, in which order things start, and in reverse stop. */
import { awaitReplay } from './await-replay.ts';
import type { Configuration } from './domain/configuration/configuration.ts';
import { systemClock, type Clock } from './platform/clock.ts';
import { faultsOf, type Role } from './platform/config/check-values.ts';
import { ConfigurationError, type Values } from './platform/config/load.ts';
import type { Address } from './platform/config/readers.ts';
import type { RunningGrpcServer } from './platform/grpc/server.ts';
import { startJobs, type Job, type Schedule } from './platform/jobs.ts';
import { Lifecycle, type Running } from './platform/lifecycle.ts';
import type { Logger } from './platform/logger.ts';
import { Metrics } from './platform/metrics.ts';
import { Readiness } from './platform/readiness.ts';
import { startStatusServer } from './platform/status-server.ts';
import { directUrl, openDatabase, openDataResources, openKeyResources, type SharedResources } from './resources.ts';

/** Every role, in the order in which they start. */
export const roleNames = ['server', 'export', 'federation', 'gateway'] as const satisfies readonly Role[];

export type { Role } from './platform/config/check-values.ts';

/** Tells role names from other words. */
export function isRole(name: string): name is Role {
  return (roleNames as readonly string[]).includes(name);
}

/** What to run, and with what. */
export interface RolesOptions {
  readonly roles: ReadonlySet<Role>;
  readonly values: Values;
  readonly logger: Logger;
  /** The content of ENMESH_CONFIG. */
  readonly configuration?: Configuration;
  /** Development: `configuration` is applied at every start, not only into a database without one. */
  readonly isDev: boolean;
  readonly clock?: Clock;
  /** Ends a start that waits for another process. */
  readonly signal?: AbortSignal;
}

/** What runs, and where it listens. */
export interface RunningRoles extends Running {
  readonly addresses: Readonly<Partial<Record<Role | 'metrics', Address>>>;
}

/** A started role with the work that it wants done in the background. */
export interface StartedRole extends Running {
  readonly address: Address;
  /** For other roles of this process. */
  readonly localClient?: RunningGrpcServer['localClient'];
  readonly jobs?: readonly Job[];
  readonly schedules?: readonly Schedule[];
}

/** What is being put together. */
interface Assembly {
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly addresses: Partial<Record<Role | 'metrics', Address>>;
  /** The roles that the gateway calls without a socket, when they run in this process. */
  server?: StartedRole;
  federation?: StartedRole;
}

/**
 * Starts roles; when one fails, those that run already are stopped.
 * @throws ConfigurationError for an environment that these roles cannot use, AppError for what is missing around them
 */
export async function startRoles(options: RolesOptions): Promise<RunningRoles> {
  const faults = faultsOf(options.values, options.roles);
  if (faults.length > 0) throw new ConfigurationError(faults);
  const lifecycle = new Lifecycle();
  try {
    return await startInOrder(options, lifecycle);
  } catch (error) {
    await lifecycle
      .stop()
      .catch((stopError: unknown) => options.logger.error({ err: stopError }, 'stop after a failed start'));
    throw error;
  }
}

async function startInOrder(given: RolesOptions, lifecycle: Lifecycle): Promise<RunningRoles> {
  const options = { ...given, values: withShareOfStopTime(given.values) };
  const { roles, values, logger } = options;
  const metrics = new Metrics({ processMetrics: true });
  const readiness = new Readiness(logger);
  const addresses: Partial<Record<Role | 'metrics', Address>> = {};
  const assembly: Assembly = { lifecycle, metrics, readiness, addresses };
  const status = { address: values.ENMESH_METRICS_ADDRESS, metrics, readiness, logger };
  addresses.metrics = lifecycle.add(await startStatusServer(status)).address;

  const background = await startStateful(options, assembly);
  if (roles.has('gateway')) {
    const gateway = await startGatewayRole(options, assembly);
    addresses.gateway = gateway.address;
    lifecycle.together([gateway, ...background]);
  }
  lifecycle.add(readiness);
  readiness.started();
  return { addresses, drain: () => lifecycle.drain(), stop: () => lifecycle.stop() };
}

/**
 * Three things stop one after another: gateway and jobs, gRPC servers, then database and what else is shared. Each gets
 * a third of what the drain leaves, so that one slow request keeps nothing from its end.
 */
function withShareOfStopTime(values: Values): Values {
  return { ...values, ENMESH_STOP_TIMEOUT: (values.ENMESH_STOP_TIMEOUT - values.ENMESH_STOP_DRAIN) / 3 };
}

/** Starts the roles that have a database. @returns their work in the background */
async function startStateful(options: RolesOptions, assembly: Assembly): Promise<Running[]> {
  const { roles, values } = options;
  const { lifecycle, addresses } = assembly;
  if (!(['server', 'export', 'federation'] as const).some((role) => roles.has(role))) return [];
  const resources = { ...assembly, ...options, clock: options.clock ?? systemClock };
  const shared = await openDatabase(resources);
  assembly.readiness.add({ name: 'database', run: shared.isReady });
  const started: StartedRole[] = [];
  const start = async (role: Role, starter: () => Promise<StartedRole>): Promise<void> => {
    if (!roles.has(role)) return;
    const running = lifecycle.add(await starter());
    addresses[role] = running.address;
    if (role === 'server' || role === 'federation') assembly[role] = running;
    started.push(running);
  };
  const opened = await openKeyResources(resources, shared);
  const signal = options.signal ?? new AbortController().signal;
  if (!roles.has('server')) await awaitReplay(opened, signal);
  // Loaded when they are run: a process holds the code of its own roles only.
  if (roles.has('server') || roles.has('export')) {
    const { isDev, configuration } = options;
    const files = await openDataResources(resources, opened);
    const data = { ...files, isDev, signal, ...(configuration === undefined ? {} : { configuration }) };
    await start('server', async () => await (await import('./server/start.ts')).startServer(values, data));
    await start('export', async () => await (await import('./export/start.ts')).startExport(values, data));
  }
  await start('federation', async () => await (await import('./federation/start.ts')).startFederation(values, opened));
  lifecycle.together(started);
  if (started.every(({ jobs = [] }) => jobs.length === 0)) return [];
  return [lifecycle.add(await startBackground(values, shared, started))];
}

async function startBackground(
  values: Values,
  { logger, metrics }: SharedResources,
  started: readonly StartedRole[],
): Promise<Running> {
  return await startJobs({
    databaseUrl: directUrl(values),
    jobs: started.flatMap(({ jobs }) => jobs ?? []),
    schedules: started.flatMap(({ schedules }) => schedules ?? []),
    // Beside batches and partners: mirrors and imports, which may wait for others for minutes, and everything that is short.
    concurrency: values.ENMESH_EXPORT_CONCURRENCY + 2 * values.ENMESH_FEDERATION_CONCURRENCY + 3,
    logger,
    metrics,
    abortAfterMs: values.ENMESH_STOP_TIMEOUT * 500,
  });
}

async function startGatewayRole(
  { values, logger }: RolesOptions,
  { metrics, readiness, ...assembly }: Assembly,
): Promise<StartedRole> {
  const [{ gatewaySettings }, { startGateway }, { connectGateway }] = await Promise.all([
    import('./gateway/settings.ts'),
    import('./gateway/start.ts'),
    import('./gateway-connections.ts'),
  ]);
  const { lifecycle, addresses, server, federation } = assembly;
  const connections = await connectGateway(values, { lifecycle, addresses, server, federation });
  const gateway = await startGateway({
    ...connections,
    settings: await gatewaySettings(values),
    logger,
    metrics,
  });
  readiness.add({ name: 'server role', run: connections.isReady });
  return lifecycle.add(gateway);
}
