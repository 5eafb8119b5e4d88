/** gRPC reflection in both of its versions, so that generic clients need no files. */
import { readFileSync } from 'node:fs';
import type { Server } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { healthDescriptorSet } from './health-descriptor.ts';

const names = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

/** v1alpha differs from v1 in the package's name alone. */
const alphaService = Object.fromEntries(
  Object.entries(ServerReflectionService).map(([method, definition]: [string, { path: string }]) => [
    method,
    { ...definition, path: definition.path.replace(names[0], names[1]) },
  ]),
) as unknown as typeof ServerReflectionService;

/** Answers what the services (full names) and health look like. */
export function addReflection(server: Server, serviceNames: readonly string[]): void {
  const descriptors = Buffer.concat([
    readFileSync(new URL('../../gen/descriptors.binpb', import.meta.url)),
    healthDescriptorSet(),
  ]);
  const implementation = ServerReflection(descriptors, [...serviceNames, HealthDefinition.fullName]);
  server.add(ServerReflectionService, implementation);
  server.add(alphaService, implementation);
}
