/** The federation role: takes in what other authorities publish; to partners it answers health and reflection so far. */
import { AppError } from '../domain/errors.ts';
import { ImportServiceDefinition } from '../gen/enmesh/federation/v1/import.ts';
import type { Clock } from '../platform/clock.ts';
import type { Values } from '../platform/config/load.ts';
import type { Address } from '../platform/config/readers.ts';
import { grpcServerSettings } from '../platform/grpc/server-settings.ts';
import { grpcService, startGrpcServer } from '../platform/grpc/server.ts';
import type { Job, Schedule } from '../platform/jobs.ts';
import type { Running } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Database } from '../storage/database.ts';
import { importJobs, importSchedules } from './import/jobs.ts';
import { createImportService } from './import/service.ts';
import { importSettings } from './import/settings.ts';

/** What the role is given. */
export interface FederationDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
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
  const grpc = await startGrpcServer({
    ...deps,
    ...listening,
    services: [grpcService(ImportServiceDefinition, createImportService(imports, stopping.signal))],
  });
  return {
    ...grpc,
    jobs: importJobs(imports),
    schedules: importSchedules(imports),
    stop: async () => {
      stopping.abort(new AppError('unavailable', 'unavailable', 'the federation role is stopping; try again later'));
      await grpc.stop();
    },
  };
}
