/** Health, reflection, stop, and what cannot be listened on. */
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { fromBinary } from '@bufbuild/protobuf';
import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import type { GetResponse } from '../../../src/gen/enmesh/admin/v1/admin.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { createHealthClient } from '../../../src/platform/grpc/health-client.ts';
import { adminService, plain, rejection, start } from './installation.ts';

const empty: GetResponse = { configuration: undefined };
const service = adminService(() => Promise.resolve(empty));
const serving = 1;
const notServing = 2;

test('health is SERVING at once for the server and each service when everything is ready', async () => {
  await using installation = await start([service]);
  const { client, close } = createGrpcClient(HealthDefinition, installation.target, {});
  expect(await client.check({ service: '' })).toEqual({ status: serving });
  expect(await client.check({ service: 'enmesh.admin.v1.AdminService' })).toEqual({ status: serving });
  expect((await rejection(client.check({ service: 'nobody' }))).kind).toBe('not_found');
  close();
});

test.for([
  ['says no', () => Promise.resolve(false)],
  ['fails', () => Promise.reject(new Error('no database'))],
])('health is NOT_SERVING while readiness %s', async ([, isReady]) => {
  await using installation = await start([service], { isReady: isReady as () => Promise<boolean> });
  const health = createHealthClient(installation.target, {});
  expect(await health.isServing()).toBe(false);
  health.close();
});

test('health follows readiness, and who watches is told of the stop', async () => {
  let isReady = false;
  const installation = await start([service], { isReady: () => Promise.resolve(isReady) });
  const { client, close } = createGrpcClient(HealthDefinition, installation.target, {});
  const seen: number[] = [];
  const watching = rejection(
    (async () => {
      const statuses: AsyncIterable<{ status: number }> = client.watch({ service: '' });
      for await (const { status } of statuses) {
        seen.push(status);
        if (status === notServing) isReady = true;
        if (status === serving) void installation.server.stop();
      }
    })(),
  );
  expect((await watching).kind).toBe('unavailable');
  expect(seen).toEqual([notServing, serving, notServing]);
  close();
  await installation[Symbol.asyncDispose]();
});

test('a target where nobody listens is not serving', async () => {
  const health = createHealthClient('127.0.0.1:1', {});
  expect(await health.isServing()).toBe(false);
  health.close();
});

const reflection = createRequire(import.meta.url)(
  'nice-grpc-server-reflection/lib/proto/grpc/reflection/v1/reflection_pb.js',
) as {
  ServerReflectionRequest: new () => ReflectionRequest;
};

interface ReflectionRequest {
  setListServices(text: string): ReflectionRequest;
  setFileContainingSymbol(symbol: string): ReflectionRequest;
  setFileByFilename(name: string): ReflectionRequest;
}

test.for(['v1', 'v1alpha'])('reflection %s lists the services and describes them and health', async (version) => {
  await using installation = await start([service]);
  const definition = {
    ask: {
      ...ServerReflectionService.serverReflectionInfo,
      path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    },
  };
  const channel = createChannel(installation.target);
  const client = createClient(definition, channel) as unknown as {
    ask(requests: AsyncIterable<ReflectionRequest>): AsyncIterable<ReflectionAnswer>;
  };
  const request = () => new reflection.ServerReflectionRequest();
  const answers: ReflectionAnswer[] = [];
  for await (const answer of client.ask(
    // eslint-disable-next-line @typescript-eslint/require-await
    (async function* () {
      yield request().setListServices('');
      yield request().setFileContainingSymbol('enmesh.admin.v1.AdminService');
      yield request().setFileByFilename('enmesh/admin/v1/configuration.proto');
      yield request().setFileContainingSymbol('grpc.health.v1.Health');
      // What deployed partners call has no package.
      yield request().setFileContainingSymbol('Federation');
      yield request().setFileContainingSymbol('ExposureKey.ReportType');
    })(),
  )) {
    answers.push(answer);
  }
  channel.close();
  const [list, ...files] = answers.map((answer) => answer.toObject());
  expect(list?.listServicesResponse?.serviceList.map(({ name }) => name)).toEqual([
    'enmesh.admin.v1.AdminService',
    'grpc.health.v1.Health',
  ]);
  const names = files.flatMap((file) =>
    (file.fileDescriptorResponse?.fileDescriptorProtoList ?? []).map(
      (bytes) => fromBinary(FileDescriptorProtoSchema, Buffer.from(bytes, 'base64')).name,
    ),
  );
  expect(names).toEqual([
    'enmesh/admin/v1/admin.proto',
    'enmesh/admin/v1/configuration.proto',
    'grpc/health/v1/health.proto',
    'federation.proto',
    'federation.proto',
  ]);
  const symbols = files.slice(-2).map(({ originalRequest }) => originalRequest?.fileContainingSymbol);
  expect(symbols).toEqual(['Federation', 'ExposureKey.ReportType']);
});

interface ReflectionAnswer {
  toObject(): {
    listServicesResponse?: { serviceList: { name: string }[] };
    fileDescriptorResponse?: { fileDescriptorProtoList: string[] };
    originalRequest?: { fileContainingSymbol: string };
  };
}

test('a stop lets running calls end and takes no new ones', async () => {
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<GetResponse>();
  const held = adminService(() => {
    started.resolve();
    return release.promise;
  });
  // Longer than a client waits for a connection (2 s): else the running call may be cut off before it is released.
  await using installation = await start([held], { stopTimeoutMs: 20_000 });
  const running = installation.admin().get({});
  await started.promise;
  const stopped = installation.server.stop();
  const { client, close } = createGrpcClient(HealthDefinition, installation.target, {});
  expect((await rejection(client.check({ service: '' }))).kind).toBe('unavailable');
  close();
  release.resolve(empty);
  expect(await running).toEqual(empty);
  await stopped;
});

test('a stop cuts off calls that do not end in time', async () => {
  const started = Promise.withResolvers<void>();
  await using installation = await start(
    [
      adminService(async () => {
        started.resolve();
        return await new Promise<GetResponse>(() => undefined);
      }),
    ],
    { stopTimeoutMs: 50 },
  );
  const running = rejection(installation.admin().get({}));
  await started.promise;
  await installation.server.stop();
  expect((await running).kind).toBe('unavailable');
});

test('a stop called twice is one stop', async () => {
  await using installation = await start([service]);
  await Promise.all([installation.server.stop(), installation.server.stop()]);
});

test('an address that is taken is refused with its cause', async () => {
  await using installation = await start([service]);
  const settings = { ...plain, address: installation.server.address };
  const error = await rejection(start([service], { settings }));
  expect(error).toMatchObject({ kind: 'precondition', code: 'cannot_listen' });
  expect(error).toHaveProperty('message', expect.stringContaining('ENMESH_GRPC_ADDRESS'));
});

test('calls are counted and timed by method and status', async () => {
  await using installation = await start([service]);
  await installation.admin().get({});
  const { body } = await installation.metrics.render();
  const labels = 'method="/enmesh.admin.v1.AdminService/Get",code="OK"';
  expect(body).toContain(`enmesh_grpc_requests_total{${labels}} 1`);
  expect(body).toContain(`enmesh_grpc_request_seconds_count{${labels}} 1`);
});
