/** Where a role's gRPC listens, who may call it and how long its calls get when it stops, as the environment says. */
import type { Values } from '../config/load.ts';
import { serverTls } from '../config/tls-files.ts';
import type { GrpcServerOptions } from './server.ts';

const addressNames = {
  ENMESH_GRPC: 'ENMESH_GRPC_ADDRESS',
  ENMESH_EXPORT: 'ENMESH_EXPORT_ADDRESS',
  ENMESH_FEDERATION: 'ENMESH_FEDERATION_ADDRESS',
} as const;

/**
 * What `startGrpcServer` takes from the environment.
 * @param prefix of the role's variables
 * @throws ConfigurationError for TLS files that cannot be used
 */
export async function grpcServerSettings(
  values: Values,
  prefix: keyof typeof addressNames,
): Promise<Pick<GrpcServerOptions, 'settings' | 'stopTimeoutMs'>> {
  const tls = await serverTls(values, prefix);
  return {
    stopTimeoutMs: values.ENMESH_STOP_TIMEOUT * 1000,
    settings: {
      address: values[addressNames[prefix]],
      ...(tls === undefined ? {} : { tls }),
      callers: values.ENMESH_CALLERS,
      callerTokens: values.ENMESH_CALLER_TOKENS,
      servesPartners: prefix === 'ENMESH_FEDERATION',
    },
  };
}
