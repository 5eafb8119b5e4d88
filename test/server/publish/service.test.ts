import { describe, expect, it } from 'vitest';
import { PublishRequest, PublishServiceDefinition } from '../../../src/gen/enmesh/publish/v1/publish.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer } from '../../../src/platform/grpc/server.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { createPublishService } from '../../../src/server/publish/service.ts';
import { makeKeys, type PublishBody } from '../../support/phone.ts';
import { commandOf, makePublisher, now, publishSettings, refusalOf, type Publisher } from './publisher.ts';

function messageOf(body: PublishBody): PublishRequest {
  const { appId, keys, certificate, hmacKey, symptomOnsetInterval, traveler, revisionToken } = commandOf(body);
  return PublishRequest.fromPartial({
    hmacKey,
    symptomOnsetInterval,
    traveler,
    revisionToken,
    healthAuthorityId: appId,
    temporaryExposureKeys: [...keys],
    verificationPayload: certificate,
    regions: [],
  });
}

async function serve(publisher: Publisher) {
  const metrics = new Metrics();
  const logger = createLogger({ level: 'silent', pretty: false });
  const service = createPublishService({ ...publisher, settings: publishSettings, logger, metrics });
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(PublishServiceDefinition, service)],
    isReady: () => Promise.resolve(true),
    logger,
    metrics,
  });
  const target = `127.0.0.1:${String(server.address.port)}`;
  const { client, close } = createGrpcClient(PublishServiceDefinition, target, {});
  const stop = async () => {
    close();
    await server.stop();
  };
  return { client, metrics, [Symbol.asyncDispose]: stop };
}

describe('PublishService over gRPC', () => {
  it('takes a publish and says what was stored', async () => {
    await using publisher = await makePublisher();
    await using served = await serve(publisher);
    const [a, b] = makeKeys(now, 2);
    const response = await served.client.publish(
      messageOf(publisher.body({ keys: [a!, { ...b!, rollingPeriod: 0 }] })),
    );
    expect(response).toMatchObject({
      insertedExposures: 1,
      warnings: [],
      partialFailure:
        '1 error occurred:\n\t* key 1 cannot be imported: invalid interval count, 0, must be >= 1 && <= 144\n\n',
    });
    const { body } = await served.metrics.render();
    expect(body).toContain('enmesh_publish_requests_total{outcome="partial_failure"} 1');
    expect(body).toContain('enmesh_publish_keys_total{outcome="left_out"} 1');
  });

  it('counts the keys of a repeated request as repeated, and as inserted only once', async () => {
    await using publisher = await makePublisher();
    await using served = await serve(publisher);
    const message = messageOf(publisher.body({ keys: makeKeys(now, 2) }));
    await served.client.publish(message);
    expect(await served.client.publish(message)).toMatchObject({ insertedExposures: 2 });
    const { body } = await served.metrics.render();
    expect(body).toContain('enmesh_publish_keys_total{outcome="inserted"} 2');
    expect(body).toContain('enmesh_publish_keys_total{outcome="repeated"} 2');
  });

  it('refuses with the code that phones know, and with the longest id that can be sent', async () => {
    await using publisher = await makePublisher();
    await using served = await serve(publisher);
    const healthAuthorityID = `\0${'é'.repeat(30_000)}`;
    const refusal = refusalOf(served.client.publish(messageOf({ ...publisher.body(), healthAuthorityID })));
    expect(await refusal).toMatchObject({ kind: 'unauthenticated', code: 'unknown_health_authority_id' });
    const { body } = await served.metrics.render();
    expect(body).toContain('enmesh_publish_requests_total{outcome="unknown_health_authority_id"} 1');
  });

  it('carries the warnings of a refusal', async () => {
    await using publisher = await makePublisher();
    await using served = await serve(publisher);
    const keys = makeKeys(now, 15).slice(0, 2);
    keys[1] = { ...keys[1]!, rollingPeriod: 0 };
    const body = publisher.body({ keys, symptomOnsetInterval: Math.floor(now.getTime() / 600_000) - 1 });
    expect(await refusalOf(served.client.publish(messageOf(body)))).toMatchObject({
      code: 'bad_request',
      details: ['key 0 symptom onset is too large, 15 > 14 - saving without this key'],
    });
  });
});
