/** The HTTP server for machines that watch. */
import { expect, test } from 'vitest';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { Readiness, type ReadinessCheck } from '../../src/platform/readiness.ts';
import { startStatusServer } from '../../src/platform/status-server.ts';

const logger = createLogger({ level: 'silent', pretty: false });

/** A server of a process that has started, unless told otherwise. */
async function start(checks: readonly ReadinessCheck[] = [], metrics = new Metrics(), hasStarted = true) {
  const readiness = new Readiness(logger);
  for (const check of checks) readiness.add(check);
  const server = await startStatusServer({ address: { host: '127.0.0.1', port: 0 }, metrics, readiness, logger });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${String(server.address.port)}${path}`, { method });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };
  if (hasStarted) readiness.started();
  return { server, readiness, get, [Symbol.asyncDispose]: async () => await server.stop() };
}

test('/healthz says that the process lives, whatever is ready', async () => {
  await using status = await start([{ name: 'database', run: () => Promise.resolve(false) }]);
  expect(await status.get('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
});

test('/metrics is what Prometheus reads', async () => {
  const metrics = new Metrics();
  metrics.counter({ name: 'a_total', help: 'A.' }).inc();
  await using status = await start([], metrics);
  const { body, type } = await status.get('/metrics?x=1');
  expect(body).toContain('a_total 1');
  expect(type).toBe('text/plain; version=0.0.4; charset=utf-8');
});

test('/readyz is 200 when every check passes', async () => {
  await using status = await start([{ name: 'database', run: () => Promise.resolve(true) }]);
  expect(await status.get('/readyz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
});

test('/readyz is 503 with the names of what says no, fails, or takes too long', async () => {
  await using status = await start([
    { name: 'good', run: () => Promise.resolve(true) },
    { name: 'no', run: () => Promise.resolve(false) },
    { name: 'failing', run: () => Promise.reject(new Error('secret')) },
    { name: 'slow', run: async () => await new Promise<boolean>(() => undefined) },
  ]);
  const { status: code, body } = await status.get('/readyz');
  expect(code).toBe(503);
  expect(JSON.parse(body)).toEqual({ status: 'not_ready', notReady: ['no', 'failing', 'slow'] });
});

test('/readyz is 503 until everything has started, whatever the checks say', async () => {
  await using status = await start([], new Metrics(), false);
  expect(await status.get('/readyz')).toMatchObject({
    status: 503,
    body: '{"status":"not_ready","notReady":["starting"]}',
  });
  status.readiness.started();
  expect((await status.get('/readyz')).status).toBe(200);
});

test('/readyz is 503 from the moment at which the process is to stop, however lately it was ready', async () => {
  await using status = await start([{ name: 'database', run: () => Promise.resolve(true) }]);
  expect((await status.get('/readyz')).status).toBe(200);
  status.readiness.drain();
  expect(await status.get('/readyz')).toMatchObject({
    status: 503,
    body: '{"status":"not_ready","notReady":["stopping"]}',
  });
  status.readiness.started();
  expect((await status.get('/readyz')).status).toBe(503);
});

test('a look that began before the wish to stop does not say ready after it', async () => {
  const looking = Promise.withResolvers<undefined>();
  const found = Promise.withResolvers<boolean>();
  await using status = await start([
    {
      name: 'slow',
      run: async () => {
        looking.resolve(undefined);
        return await found.promise;
      },
    },
  ]);
  const answer = status.get('/readyz');
  await looking.promise;
  status.readiness.drain();
  found.resolve(true);
  expect((await answer).status).toBe(503);
});

test('requests within a second share one look', async () => {
  let looks = 0;
  await using status = await start([{ name: 'counted', run: () => Promise.resolve((looks += 1) > 0) }]);
  await Promise.all([status.get('/readyz'), status.get('/readyz')]);
  await status.get('/readyz');
  expect(looks).toBe(1);
});

test('other paths are 404, other methods 405, and HEAD has no body', async () => {
  await using status = await start();
  expect((await status.get('/')).status).toBe(404);
  expect((await status.get('/healthz', 'POST')).status).toBe(405);
  expect(await status.get('/healthz', 'HEAD')).toMatchObject({ status: 200, body: '' });
});

test('an address that is taken is refused with its cause', async () => {
  await using status = await start();
  const again = startStatusServer({
    address: status.server.address,
    metrics: new Metrics(),
    readiness: status.readiness,
    logger,
  });
  await expect(again).rejects.toMatchObject({
    kind: 'precondition',
    code: 'cannot_listen',
    message: expect.stringContaining('ENMESH_METRICS_ADDRESS') as string,
  });
});

test('after a stop nobody answers, and a second stop is fine', async () => {
  await using status = await start();
  await status.server.stop();
  await status.server.stop();
  await expect(status.get('/healthz')).rejects.toThrow();
});
