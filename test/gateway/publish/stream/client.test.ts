/** Publishes over a stream, against a real gRPC server: the same answers and errors as by plain calls. */
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../../src/domain/errors.ts';
import {
  PublishServiceDefinition,
  type PublishServiceImplementation,
} from '../../../../src/gen/enmesh/publish/v1/publish.ts';
import { PublishStreamServiceDefinition } from '../../../../src/gen/enmesh/publish/v1/publish_stream.ts';
import { StreamingPublishClient } from '../../../../src/gateway/publish/stream/client.ts';
import { createGrpcClient } from '../../../../src/platform/grpc/client.ts';
import { grpcService, startGrpcServer, type RunningGrpcServer } from '../../../../src/platform/grpc/server.ts';
import { createLogger } from '../../../../src/platform/logger.ts';
import { Metrics } from '../../../../src/platform/metrics.ts';
import { createPublishStreams } from '../../../../src/server/publish/stream/service.ts';

type Publish = PublishServiceImplementation['publish'];

interface ServerOptions {
  readonly publish: Publish;
  readonly port?: number;
  /** False: a server role of an older release. */
  readonly hasStreams?: boolean;
}

async function startServer({ publish, port = 0, hasStreams = true }: ServerOptions) {
  const metrics = new Metrics();
  const streams = createPublishStreams(() => server.localClient(PublishServiceDefinition));
  const server: RunningGrpcServer = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port }, callers: new Map(), callerTokens: new Map() },
    services: [
      grpcService(PublishServiceDefinition, { publish }),
      ...(hasStreams ? [grpcService(PublishStreamServiceDefinition, streams.service)] : []),
    ],
    isReady: () => Promise.resolve(true),
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics,
    stopTimeoutMs: 2_000,
  });
  const stop = async (): Promise<void> => {
    streams.end();
    await server.stop();
  };
  return { port: server.address.port, metrics, stop, [Symbol.asyncDispose]: stop };
}

function openClient(...ports: number[]) {
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${String(port)}`).join()}`;
  const streams = createGrpcClient(PublishStreamServiceDefinition, target, {});
  const plain = createGrpcClient(PublishServiceDefinition, target, {});
  const counted = { opened: 0 };
  const publishMany: typeof streams.client.publishMany = (requests, options) => {
    counted.opened++;
    return streams.client.publishMany(requests, options);
  };
  const client = new StreamingPublishClient({ publishMany }, plain.client);
  const close = (): void => {
    client.close();
    streams.close();
    plain.close();
  };
  return { client, counted, close, [Symbol.dispose]: close };
}

const echo: Publish = ({ temporaryExposureKeys, healthAuthorityId }) =>
  Promise.resolve({ insertedExposures: temporaryExposureKeys.length, revisionToken: healthAuthorityId });

async function callsOf(metrics: Metrics, path: string): Promise<number> {
  const { body } = await metrics.render();
  const line = body.split('\n').find((text) => text.startsWith('enmesh_grpc_requests_total') && text.includes(path));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe('publishes over a stream', () => {
  it('are each given their own answer, whatever the order in which they are done', async () => {
    let turn = 0;
    const publish: Publish = async (request, context) => {
      for (let wait = turn++ % 5; wait > 0; wait--) await new Promise((resolve) => setImmediate(resolve));
      return await echo(request, context);
    };
    await using server = await startServer({ publish });
    using opened = openClient(server.port);
    const ids = Array.from({ length: 200 }, (_, index) => `app-${String(index)}`);
    const answers = await Promise.all(ids.map((healthAuthorityId) => opened.client.publish({ healthAuthorityId })));
    expect(answers.map(({ revisionToken }) => revisionToken)).toEqual(ids);
    expect(await callsOf(server.metrics, 'PublishService/Publish')).toBe(200);
  });

  it('are refused with the kind, code, message and warnings of the plain call', async () => {
    const thrown = new AppError('invalid', 'missing_revision_token', 'no revision token', { details: ['a', 'b'] });
    await using server = await startServer({ publish: () => Promise.reject(thrown) });
    using opened = openClient(server.port);
    await expect(opened.client.publish({})).rejects.toMatchObject({
      kind: 'invalid',
      code: 'missing_revision_token',
      message: 'no revision token',
      details: ['a', 'b'],
    });
  });

  it('tell nothing of a fault that nobody foresaw', async () => {
    await using server = await startServer({ publish: () => Promise.reject(new Error('secret')) });
    using opened = openClient(server.port);
    await expect(opened.client.publish({})).rejects.toMatchObject({
      kind: 'internal',
      message: 'Internal Server Error',
    });
  });

  it('end by their own deadline and when their caller goes away, and others go on', async () => {
    const publish: Publish = (request, context) =>
      request.healthAuthorityId === 'never' ? Promise.withResolvers<never>().promise : echo(request, context);
    await using server = await startServer({ publish });
    using opened = openClient(server.port);
    const late = opened.client.publish({ healthAuthorityId: 'never' }, { timeoutMs: 300 });
    await expect(late).rejects.toMatchObject({ kind: 'timeout', code: 'deadline_exceeded' });
    const controller = new AbortController();
    const left = opened.client.publish({ healthAuthorityId: 'never' }, { signal: controller.signal, timeoutMs: 2_000 });
    controller.abort();
    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    expect(await opened.client.publish({ healthAuthorityId: 'x' })).toMatchObject({ revisionToken: 'x' });
  });

  it('are answered when many of the largest come at once, which one message could not carry', async () => {
    await using server = await startServer({ publish: echo });
    using opened = openClient(server.port);
    const verificationPayload = 'x'.repeat(190_000);
    const ids = Array.from({ length: 64 }, (_, index) => `app-${String(index)}`);
    const answers = await Promise.all(
      ids.map((healthAuthorityId) => opened.client.publish({ healthAuthorityId, verificationPayload })),
    );
    expect(answers.map(({ revisionToken }) => revisionToken)).toEqual(ids);
  });

  it('use plain calls where the server role is of an older release', async () => {
    await using server = await startServer({ publish: echo, hasStreams: false });
    using opened = openClient(server.port);
    const answers = await Promise.all(['a', 'b'].map((id) => opened.client.publish({ healthAuthorityId: id })));
    expect(answers.map(({ revisionToken }) => revisionToken)).toEqual(['a', 'b']);
  });

  it('are unavailable while no server role is there, and go on when one is back', async () => {
    const first = await startServer({ publish: echo });
    using opened = openClient(first.port);
    await opened.client.publish({});
    await first.stop();
    await expect(opened.client.publish({})).rejects.toMatchObject({ kind: 'unavailable' });
    await using second = await startServer({ publish: echo, port: first.port });
    expect(await opened.client.publish({ healthAuthorityId: 'x' })).toMatchObject({ revisionToken: 'x' });
    expect(await callsOf(second.metrics, 'PublishService/Publish')).toBe(1);
  });
});

describe('several server roles', () => {
  it('are called by the same stream while few publishes wait, and all of them when many do', async () => {
    const held: (() => void)[] = [];
    const publish: Publish = async (request, context) => {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      if (request.healthAuthorityId !== 'hold') return await echo(request, context);
      held.push(() => {
        resolve(undefined);
      });
      await promise;
      return {};
    };
    await using first = await startServer({ publish });
    await using second = await startServer({ publish });
    using opened = openClient(first.port, second.port);
    const counts = async () => [
      await callsOf(first.metrics, 'PublishService/Publish'),
      await callsOf(second.metrics, 'PublishService/Publish'),
    ];
    await Promise.all(Array.from({ length: 30 }, () => opened.client.publish({})));
    expect((await counts()).sort((a, b) => a - b)).toEqual([0, 30]);
    const answers = Array.from({ length: 200 }, () => opened.client.publish({ healthAuthorityId: 'hold' }));
    while (held.length < 200) await new Promise((resolve) => setImmediate(resolve));
    for (const release of held) release();
    await Promise.all(answers);
    const [fewer = 0] = (await counts()).sort((a, b) => a - b);
    expect(fewer).toBeGreaterThan(50);
  });

  it('are not called any more on a stream on which a publish had no answer in time', async () => {
    const publish: Publish = (request, context) =>
      request.healthAuthorityId === 'never' ? Promise.withResolvers<never>().promise : echo(request, context);
    await using server = await startServer({ publish });
    using opened = openClient(server.port);
    await opened.client.publish({});
    const late = opened.client.publish({ healthAuthorityId: 'never' }, { timeoutMs: 300 });
    await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(opened.counted.opened).toBe(1);
    await opened.client.publish({});
    expect(opened.counted.opened).toBe(2);
  });
});

describe('a server role that stops', () => {
  it('answers what it has read, ends the stream, and leaves the rest to another, with nothing lost or done twice', async () => {
    const seen: string[] = [];
    const publish: Publish = async (request, context) => {
      seen.push(request.healthAuthorityId);
      await new Promise((resolve) => setImmediate(resolve));
      return await echo(request, context);
    };
    const first = await startServer({ publish });
    using opened = openClient(first.port);
    const { port } = first;
    await opened.client.publish({ healthAuthorityId: 'warm' });
    let stopped: Promise<void> | undefined;
    const answers: Promise<unknown>[] = [];
    for (let index = 0; index < 300; index++) {
      answers.push(
        opened.client.publish({ healthAuthorityId: String(index) }).then(
          () => String(index),
          (error: unknown) => error,
        ),
      );
      if (index === 100) stopped = first.stop();
      if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await stopped;
    const second = await startServer({ publish, port });
    const results = await Promise.all(answers);
    await second.stop();
    const answered = results.filter((result) => typeof result === 'string');
    // Those that came while nobody listened may be told to come again; none may be lost in silence or done twice.
    const refused = results.filter((result) => typeof result !== 'string');
    expect(refused.every((error) => error instanceof AppError && error.kind === 'unavailable')).toBe(true);
    expect(new Set(seen).size).toBe(seen.length);
    expect(answered.every((id) => seen.includes(id))).toBe(true);
    expect(seen.length - 1).toBe(answered.length);
  });
});
