/** A client that shares no code with ours (grpc-js and proto-loader, no generated code) speaks the contract. */
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { PublishServiceDefinition } from '../../src/gen/enmesh/publish/v1/publish.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { createPublishService } from '../../src/server/publish/service.ts';
import { makePublisher, publishSettings } from '../server/publish/publisher.ts';

const proto = fileURLToPath(new URL('../../proto', import.meta.url));

interface Answer {
  readonly error: grpc.ServiceError | null;
  readonly response: { readonly insertedExposures: number; readonly revisionToken: string } | undefined;
}

async function connect() {
  const publisher = await makePublisher();
  const logger = createLogger({ level: 'silent', pretty: false });
  const metrics = new Metrics();
  const service = createPublishService({ ...publisher, settings: publishSettings, logger, metrics });
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(PublishServiceDefinition, service)],
    isReady: () => Promise.resolve(true),
    logger,
    metrics,
  });
  const loaded = grpc.loadPackageDefinition(
    loadSync('enmesh/publish/v1/publish.proto', { includeDirs: [proto], longs: Number, defaults: true }),
  ) as unknown as { enmesh: { publish: { v1: { PublishService: grpc.ServiceClientConstructor } } } };
  const client = new loaded.enmesh.publish.v1.PublishService(
    `127.0.0.1:${server.address.port}`,
    grpc.credentials.createInsecure(),
  );
  const publish = async (request: object): Promise<Answer> =>
    await new Promise((resolve) => {
      (
        client['publish'] as (
          request: object,
          done: (error: grpc.ServiceError | null, response?: never) => void,
        ) => void
      )(request, (error, response) => resolve({ error, response }));
    });
  const close = async (): Promise<void> => {
    client.close();
    await server.stop();
    await publisher[Symbol.asyncDispose]();
  };
  return { publisher, publish, [Symbol.asyncDispose]: close };
}

describe('a client without our code', () => {
  it('publishes, and a refusal tells it status, code and text', async () => {
    await using connected = await connect();
    const body = connected.publisher.body();
    const request = {
      healthAuthorityId: body.healthAuthorityID,
      temporaryExposureKeys: body.temporaryExposureKeys,
      verificationPayload: body.verificationPayload,
      hmacKey: body.hmacKey,
    };
    expect(await connected.publish(request)).toMatchObject({ error: null, response: { insertedExposures: 3 } });

    const { error } = await connected.publish({ ...request, healthAuthorityId: 'org.example.unknown' });
    expect(error?.code).toBe(grpc.status.UNAUTHENTICATED);
    expect(error?.metadata.get('error-code')).toEqual(['unknown_health_authority_id']);
    expect(error?.details).toContain('unauthorized health authority');
  });
});
