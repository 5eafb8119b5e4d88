/** Asks another role whether it serves. */
import { HealthDefinition } from 'nice-grpc-server-health';
import { createGrpcClient, type GrpcClientSettings } from './client.ts';

/** grpc.health.v1 HealthCheckResponse.ServingStatus SERVING. */
const serving = 1;

/** Longest wait for an answer. */
const timeoutMs = 2_000;

/** A connection that is asked for health. */
export interface HealthClient {
  /** False also when nobody answers. */
  isServing(): Promise<boolean>;
  close(): void;
}

/** @param target `HOST:PORT` or `dns:///HOST:PORT` */
export function createHealthClient(target: string, settings: GrpcClientSettings): HealthClient {
  const { client, close } = createGrpcClient(HealthDefinition, target, settings, { timeoutMs });
  return {
    close,
    isServing: async () => {
      try {
        const { status }: { readonly status: number } = await client.check({ service: '' });
        return status === serving;
      } catch {
        return false;
      }
    },
  };
}
