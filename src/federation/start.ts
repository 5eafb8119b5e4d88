/** The federation role: so far it answers health and reflection, so that it can be deployed and watched. */
import type { Values } from '../platform/config/load.ts';
import { grpcServerSettings } from '../platform/grpc/server-settings.ts';
import { startGrpcServer } from '../platform/grpc/server.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import type { Address } from '../platform/config/readers.ts';
import type { Running } from '../platform/lifecycle.ts';

/** What the role is given. */
export interface FederationDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  isReady(): Promise<boolean>;
}

/** Starts listening for partners. */
export async function startFederation(
  values: Values,
  deps: FederationDeps,
): Promise<Running & { readonly address: Address }> {
  const listening = await grpcServerSettings(values, 'ENMESH_FEDERATION');
  return await startGrpcServer({
    ...deps,
    ...listening,
    services: [],
  });
}
