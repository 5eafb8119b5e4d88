import { describe, expect, it } from 'vitest';
import { ask, openGateway, publish, RawConnection, testSettings } from './support/gateway.ts';

const request = 'POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';
const health = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';

describe('stopping', () => {
  it('answers what runs, closes that connection, and takes no new one', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const release = Promise.withResolvers<undefined>();
    await using gateway = await openGateway({
      publish: async () => {
        arrived.resolve(undefined);
        await release.promise;
        return { insertedExposures: 7 };
      },
    });
    const connection = new RawConnection(gateway);
    await connection.send(request);
    await arrived.promise;
    const stopped = gateway.stop();
    await expect(ask(gateway, '/healthz')).rejects.toThrow('ECONNREFUSED');
    release.resolve(undefined);
    await stopped;
    await connection.closed;
    expect(connection.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*"insertedExposures":7/i);
  });

  it('answers requests that were on their way on connections that were quiet, and closes those', async () => {
    await using gateway = await openGateway({ publish: () => Promise.resolve({ insertedExposures: 7 }) });
    const idle = new RawConnection(gateway);
    await idle.send(health);
    await idle.receives('"ok"');
    const silent = new RawConnection(gateway);
    await silent.send('');
    await ask(gateway, '/healthz');
    const stopped = gateway.stop();
    await expect(ask(gateway, '/healthz')).rejects.toThrow('ECONNREFUSED');
    await Promise.all([idle.send(request), silent.send(request)]);
    await Promise.all([idle.closed, silent.closed, stopped]);
    for (const { received } of [idle, silent]) {
      expect(received).toMatch(/HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*"insertedExposures":7/i);
    }
  });

  it('ends connections that stay quiet or silent, without a warning', async () => {
    await using gateway = await openGateway({ settings: { timeouts: { ...testSettings.timeouts, quietMs: 50 } } });
    const idle = new RawConnection(gateway);
    await idle.send(health);
    await idle.receives('"ok"');
    const silent = new RawConnection(gateway);
    await silent.send('');
    await ask(gateway, '/healthz');
    await gateway.stop();
    await Promise.all([idle.closed, silent.closed]);
    expect(gateway.logs.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('is announced: connections are closed after their answers and /health is 503, while all is answered', async () => {
    await using gateway = await openGateway();
    expect((await ask(gateway, '/health')).status).toBe(200);
    gateway.drain();
    expect((await ask(gateway, '/health')).status).toBe(503);
    const connection = new RawConnection(gateway);
    await connection.send(request);
    await connection.closed;
    expect(connection.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n/i);
  });

  it('cuts off what does not end in time, and says so', async () => {
    const arrived = Promise.withResolvers<undefined>();
    await using gateway = await openGateway({
      publish: async (_request, { signal }) => {
        arrived.resolve(undefined);
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return {};
      },
      settings: { timeouts: { ...testSettings.timeouts, stopMs: 50 } },
    });
    const connection = new RawConnection(gateway);
    await connection.send(request);
    await arrived.promise;
    await gateway.stop();
    await connection.closed;
    expect(connection.received).toBe('');
    expect(gateway.logs).toContainEqual(expect.objectContaining({ level: 'warn', connections: 1 }));
  });

  it('may be asked for twice', async () => {
    await using gateway = await openGateway();
    await Promise.all([gateway.stop(), gateway.stop()]);
  });
});

describe('a phone that goes away', () => {
  it('ends the call that was made for it, without a log line', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const aborted = Promise.withResolvers<undefined>();
    await using gateway = await openGateway({
      publish: async (_request, { signal }) => {
        signal.addEventListener('abort', () => aborted.resolve(undefined), { once: true });
        arrived.resolve(undefined);
        await aborted.promise;
        return {};
      },
    });
    const connection = new RawConnection(gateway);
    await connection.send(request);
    await arrived.promise;
    connection.destroy();
    await aborted.promise;
    await ask(gateway, '/healthz');
    expect(gateway.logs.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('health', () => {
  it('is ok while the process answers', async () => {
    await using gateway = await openGateway({ isReady: () => Promise.resolve(false) });
    const { status, text } = await ask(gateway, '/healthz');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ status: 'ok' });
  });

  it.each([
    ['ready', () => Promise.resolve(true), 200, 'ok'],
    ['not ready', () => Promise.resolve(false), 503, 'unavailable'],
    ['out of reach', () => Promise.reject(new Error('secret')), 503, 'unavailable'],
  ])('of the whole way is told at /health: %s', async (_what, isReady, status, word) => {
    await using gateway = await openGateway({ isReady });
    const answer = await ask(gateway, '/health');
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toEqual({ status: word });
  });

  it('is looked up once for many who ask', async () => {
    let looks = 0;
    await using gateway = await openGateway({
      isReady: () => {
        looks++;
        return Promise.resolve(true);
      },
    });
    await Promise.all(Array.from({ length: 10 }, () => ask(gateway, '/health')));
    expect(looks).toBeLessThan(3);
  });
});

describe('metrics', () => {
  it('have labels of few values, whatever is asked', async () => {
    await using gateway = await openGateway();
    await publish(gateway, '{}');
    await publish(gateway, '{');
    await ask(gateway, '/some/../thing?x', { method: 'PROPFIND' });
    await ask(gateway, '/exports/unknown/index.txt');
    await ask(gateway, '/healthz');
    const { body } = await gateway.metrics.render();
    const counted = body.split('\n').filter((line) => line.startsWith('enmesh_http_requests_total{'));
    expect(counted.sort()).toEqual([
      'enmesh_http_requests_total{route="health",method="GET",status="200"} 1',
      'enmesh_http_requests_total{route="index",method="GET",status="404"} 1',
      'enmesh_http_requests_total{route="other",method="OTHER",status="404"} 1',
      'enmesh_http_requests_total{route="publish",method="POST",status="200"} 1',
      'enmesh_http_requests_total{route="publish",method="POST",status="400"} 1',
    ]);
  });
});

describe('starting', () => {
  it('tells which address is taken', async () => {
    await using gateway = await openGateway();
    const address = { host: '127.0.0.1', port: gateway.port };
    const refusal = expect(openGateway({ settings: { address } })).rejects;
    await refusal.toMatchObject({
      code: 'cannot_listen',
      message: expect.stringMatching(
        new RegExp(`127\\.0\\.0\\.1:${String(gateway.port)}.*ENMESH_GATEWAY_ADDRESS`),
      ) as string,
    });
  });

  it('refuses TLS material that is none', async () => {
    await expect(openGateway({ settings: { tls: { cert: 'x', key: 'y' } } })).rejects.toMatchObject({
      code: 'bad_tls',
    });
  });
});
