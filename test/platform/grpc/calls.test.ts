/** Deadlines, cancellation and connections. */
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { AdminServiceDefinition, type GetResponse } from '../../../src/gen/enmesh/admin/v1/admin.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { adminService, plain, rejection, start } from './installation.ts';

const empty: GetResponse = { configuration: undefined };

/** A Get that ends when its caller goes away, and then says so. */
function waitingService() {
  const started = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<void>();
  let calls = 0;
  const service = adminService(async ({ signal }) => {
    calls += 1;
    started.resolve();
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    cancelled.resolve();
    throw signal.reason;
  });
  return { service, started: started.promise, cancelled: cancelled.promise, calls: () => calls };
}

test("a call that takes longer than the client's deadline rejects with a timeout, and the server stops working", async () => {
  const { service, cancelled, calls } = waitingService();
  await using installation = await start([service]);
  // On a busy machine a short deadline may pass before the server hears of the call.
  for (let timeoutMs = 100; calls() === 0; timeoutMs *= 2) {
    const error = await rejection(installation.admin({}, { timeoutMs }).get({}));
    expect(error).toMatchObject({ kind: 'timeout', code: 'deadline_exceeded' });
  }
  await cancelled;
  expect(installation.lines.filter((line) => line['level'] !== 'info')).toEqual([]);
});

test('a call may have a deadline of its own', async () => {
  const { service } = waitingService();
  await using installation = await start([service]);
  const error = await rejection(installation.admin().get({}, { timeoutMs: 50 }));
  expect(error.kind).toBe('timeout');
});

test("the caller's signal ends the call with an AbortError, and the server's signal is aborted", async () => {
  const { service, started, cancelled } = waitingService();
  await using installation = await start([service]);
  const controller = new AbortController();
  const call = rejection(installation.admin().get({}, { signal: controller.signal }));
  await started;
  controller.abort();
  expect(await call).toMatchObject({ name: 'AbortError' });
  await cancelled;
  expect(installation.lines.filter((line) => line['level'] !== 'info')).toEqual([]);
});

test("a time-out signal of the caller's is a timeout", async () => {
  const { service } = waitingService();
  await using installation = await start([service]);
  const error = await rejection(installation.admin().get({}, { signal: AbortSignal.timeout(50) }));
  expect(error).toBeInstanceOf(AppError);
  expect(error.kind).toBe('timeout');
});

test('a signal that is aborted already ends the call before it begins', async () => {
  let calls = 0;
  await using installation = await start([adminService(() => ((calls += 1), Promise.resolve(empty)))]);
  const error = await rejection(installation.admin().get({}, { signal: AbortSignal.abort() }));
  expect(error.name).toBe('AbortError');
  expect(calls).toBe(0);
});

test('where nobody listens the call is unavailable, within seconds', async () => {
  const { client, close } = createGrpcClient(AdminServiceDefinition, `127.0.0.1:${String(await freePort())}`, {});
  const error = await rejection(client.get({}));
  close();
  expect(error).toMatchObject({ kind: 'unavailable', code: 'unavailable' });
  expect(error.message).not.toContain('127.0.0.1');
});

test.each([
  ['told at once when waiting does not help', { isLasting: true, connectMs: 2 ** 31 - 1 }],
  ['told at the end of the wait otherwise', { isLasting: false, connectMs: 200 }],
])('why there is no connection is %s', async (_when, { isLasting, connectMs }) => {
  const error = new AppError('unavailable', 'certificate_expired', 'the certificate has expired');
  const explain = () => Promise.resolve({ error, isLasting });
  const target = `127.0.0.1:${String(await freePort())}`;
  const { client, close } = createGrpcClient(AdminServiceDefinition, target, {}, { connectMs, explain });
  expect(await rejection(client.get({}, { timeoutMs: Infinity }))).toBe(error);
  close();
});

test('a call made just before the server starts is answered', async () => {
  const port = await freePort();
  const { client, close } = createGrpcClient(AdminServiceDefinition, `dns:///localhost:${String(port)}`, {});
  const answer = client.get({});
  await using installation = await start([adminService(() => Promise.resolve(empty))], {
    settings: { ...plain, address: { host: '127.0.0.1', port } },
  });
  expect(installation.server.address.port).toBe(port);
  expect(await answer).toEqual(empty);
  close();
});

test('a client finds a server again that was away', async () => {
  const port = await freePort();
  const settings = { ...plain, address: { host: '127.0.0.1', port } };
  const { client, close } = createGrpcClient(AdminServiceDefinition, `127.0.0.1:${String(port)}`, {});
  for (let round = 0; round < 2; round += 1) {
    await using installation = await start([adminService(() => Promise.resolve(empty))], { settings });
    expect(installation.server.address.port).toBe(port);
    expect(await client.get({})).toEqual(empty);
  }
  expect((await rejection(client.get({}))).kind).toBe('unavailable');
  await using installation = await start([adminService(() => Promise.resolve(empty))], { settings });
  expect(installation.server.address.port).toBe(port);
  expect(await client.get({})).toEqual(empty);
  close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
