/** How the gateway role reaches the others: within this process where they run in it, over the network otherwise. */
import { StreamingPublishClient } from './gateway/publish/stream/client.ts';
import type { GatewayOptions } from './gateway/start.ts';
import { ExportServiceDefinition } from './gen/enmesh/export/v1/export.ts';
import { IdentityServiceDefinition } from './gen/enmesh/federation/v1/identity.ts';
import { PublishServiceDefinition } from './gen/enmesh/publish/v1/publish.ts';
import { PublishStreamServiceDefinition } from './gen/enmesh/publish/v1/publish_stream.ts';
import { StatsServiceDefinition } from './gen/enmesh/publish/v1/stats.ts';
import { hostAndPort } from './platform/config/address.ts';
import type { Values } from './platform/config/load.ts';
import type { Address } from './platform/config/readers.ts';
import { callSettings, type CalledRole } from './platform/config/tls-files.ts';
import { createGrpcClient, type ServiceDefinition } from './platform/grpc/client.ts';
import { createHealthClient } from './platform/grpc/health-client.ts';
import type { RunningGrpcServer } from './platform/grpc/server.ts';
import type { Lifecycle, Running } from './platform/lifecycle.ts';

/** What runs in this process besides. */
export interface Neighbours {
  /** Where connections are closed when the process stops. */
  readonly lifecycle: Lifecycle;
  readonly addresses: { readonly server?: Address; readonly export?: Address };
  readonly server: Neighbour | undefined;
  readonly federation: Neighbour | undefined;
}

interface Neighbour {
  readonly localClient?: RunningGrpcServer['localClient'];
}

/**
 * The gateway's ways to the server, the export and the federation role.
 * @throws ConfigurationError for TLS files that cannot be used
 */
export async function connectGateway(
  values: Values,
  { lifecycle, addresses, server, federation }: Neighbours,
): Promise<Pick<GatewayOptions, 'publish' | 'stats' | 'exports' | 'identity' | 'isReady'>> {
  const given = {
    server: values.ENMESH_SERVER_TARGET,
    export: values.ENMESH_EXPORT_TARGET,
    federation: values.ENMESH_FEDERATION_TARGET,
  };
  const targets = {
    server: given.server ?? hostAndPort(addresses.server ?? values.ENMESH_GRPC_ADDRESS),
    export: given.export ?? hostAndPort(addresses.export ?? values.ENMESH_EXPORT_ADDRESS),
    federation: given.federation ?? hostAndPort(values.ENMESH_FEDERATION_ADDRESS),
  };
  const settingsOf = async (role: CalledRole) =>
    await callSettings(values, given[role] === undefined ? role : undefined);
  const calls = {
    server: await settingsOf('server'),
    export: await settingsOf('export'),
    federation: await settingsOf('federation'),
  };
  const localFederation = given.federation === undefined ? federation?.localClient : undefined;
  const closing = <T extends { close(): void }>(client: T): T => {
    lifecycle.add(whenStopped(client));
    return client;
  };
  const connect = <Definition extends ServiceDefinition>(definition: Definition, role: CalledRole) =>
    closing(createGrpcClient(definition, targets[role], calls[role])).client;
  const localClient = given.server === undefined ? server?.localClient : undefined;
  const streaming = () =>
    closing(
      new StreamingPublishClient(
        connect(PublishStreamServiceDefinition, 'server'),
        connect(PublishServiceDefinition, 'server'),
      ),
    );
  const health = closing(createHealthClient(targets.server, calls.server));
  return {
    publish: localClient?.(PublishServiceDefinition) ?? streaming(),
    stats: localClient?.(StatsServiceDefinition) ?? connect(StatsServiceDefinition, 'server'),
    exports: connect(ExportServiceDefinition, 'export'),
    identity: localFederation?.(IdentityServiceDefinition) ?? connect(IdentityServiceDefinition, 'federation'),
    isReady: () => health.isServing(),
  };
}

function whenStopped(client: { close(): void }): Running {
  return {
    stop: () => {
      client.close();
      return Promise.resolve();
    },
  };
}
