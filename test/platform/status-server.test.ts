/** The HTTP server for machines that watch. */
import { expect, test } from 'vitest';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { startStatusServer, type ReadinessCheck } from '../../src/platform/status-server.ts';

const logger = createLogger({ level: 'silent', pretty: false });

async function start(checks: readonly ReadinessCheck[] = [], metrics = new Metrics()) {
  const server = await startStatusServer({ address: { host: '127.0.0.1', port: 0 }, metrics, checks, logger });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${String(server.address.port)}${path}`, { method });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };
  return { server, get, [Symbol.asyncDispose]: async () => await server.stop() };
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

test('a check that is added later counts', async () => {
  const checks: ReadinessCheck[] = [];
  await using status = await start(checks);
  checks.push({ name: 'late', run: () => Promise.resolve(false) });
  expect((await status.get('/readyz')).status).toBe(503);
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
  const again = startStatusServer({ address: status.server.address, metrics: new Metrics(), checks: [], logger });
  await expect(again).rejects.toMatchObject({ kind: 'precondition', code: 'cannot_listen' });
});

test('after a stop nobody answers, and a second stop is fine', async () => {
  await using status = await start();
  await status.server.stop();
  await status.server.stop();
  await expect(status.get('/healthz')).rejects.toThrow();
});
