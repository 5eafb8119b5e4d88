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
  const implementation = withoutPackage(ServerReflection(descriptors, [...serviceNames, HealthDefinition.fullName]));
  server.add(ServerReflectionService, implementation);
  server.add(alphaService, implementation);
}

type Implementation = ReturnType<typeof ServerReflection>;
type Requests = Parameters<Implementation['serverReflectionInfo']>[0];

/** The library knows names without a package under a dot of its own; a package's name begins with a small letter. */
function withoutPackage({ serverReflectionInfo }: Implementation): Implementation {
  async function* dotted(requests: Requests): Requests {
    for await (const request of requests) {
      const symbol = request.getFileContainingSymbol();
      if (/^[A-Z]/.test(symbol)) request.setFileContainingSymbol(`.${symbol}`);
      yield request;
    }
  }
  return {
    serverReflectionInfo: async function* (requests, context) {
      for await (const answer of serverReflectionInfo(dotted(requests), context)) {
        // It repeats the request, which was another one.
        const request = answer.getOriginalRequest();
        const symbol = request?.getFileContainingSymbol() ?? '';
        if (symbol.startsWith('.')) request?.setFileContainingSymbol(symbol.slice(1));
        yield answer;
      }
    },
  };
}
