/** AdminService on a real gRPC port over a database of the test's own. */
import { AdminServiceDefinition, type DeepPartial } from '../../src/gen/enmesh/admin/v1/admin.ts';
import type { Configuration } from '../../src/gen/enmesh/admin/v1/configuration.ts';
import { parseConfiguration } from '../../src/domain/configuration/parse-configuration.ts';
import { withoutNulls } from '../../src/domain/configuration/without-nulls.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createGrpcClient, type GrpcClient } from '../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import type { AdminDeps, AdminSettings } from '../../src/server/admin/apply-configuration.ts';
import { createAdminService } from '../../src/server/admin/service.ts';
import type { Database } from '../../src/storage/database.ts';
import { createTestDatabase } from './postgres.ts';

/** What a test works with. */
export interface AdminFixture extends AsyncDisposable {
  readonly database: Database;
  readonly url: string;
  readonly deps: AdminDeps;
  readonly client: GrpcClient<AdminServiceDefinition>['client'];
  /** HOST:PORT. */
  readonly target: string;
}

/** Starts it; use it with `await using`. Settings are those of a real installation. */
export async function startAdmin(settings: Partial<AdminSettings> = {}): Promise<AdminFixture> {
  const { database, url, [Symbol.asyncDispose]: dropDatabase } = await createTestDatabase();
  const logger = createLogger({ level: 'silent', pretty: false });
  const deps: AdminDeps = {
    database,
    clock: systemClock,
    settings: {
      truncateSeconds: 3600,
      maxRecords: 500_000,
      allowShortWindows: false,
      allowLoopback: false,
      ...settings,
    },
    logger,
  };
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(AdminServiceDefinition, createAdminService(deps))],
    isReady: () => Promise.resolve(true),
    logger,
    metrics: new Metrics(),
  });
  const target = `127.0.0.1:${String(server.address.port)}`;
  const { client, close } = createGrpcClient(AdminServiceDefinition, target, {});
  return {
    database,
    url,
    deps,
    client,
    target,
    [Symbol.asyncDispose]: async () => {
      close();
      await server.stop();
      await dropDatabase();
    },
  };
}

/** A document as the command line sends it. */
export function message(document: unknown): DeepPartial<Configuration> {
  return withoutNulls(parseConfiguration(document));
}
