/** What one peer may take from the others: connections, time, memory. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TestCa } from '../platform/grpc/certificates.ts';
import { eventually } from '../support/download.ts';
import { ask, openGateway, publish, RawConnection, testSettings, type TestGateway } from './support/gateway.ts';

const head = 'POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const health = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const short = { ...testSettings.timeouts, headerMs: 300, requestMs: 600, answerMs: 600, idleMs: 600, keepAliveMs: 300 };

/** Sends a text byte by byte until the connection is closed. */
async function drip(connection: RawConnection, text: string): Promise<void> {
  const isClosed = connection.closed.then(() => true);
  for (const byte of text) {
    await connection.send(byte);
    if (await Promise.race([isClosed, wait(20, false)])) return;
  }
}

async function expectOthersServed(gateway: TestGateway): Promise<void> {
  expect((await publish(gateway, '{}')).status).toBe(200);
}

describe('a peer that wastes time', () => {
  it('gets so long for a header, however steadily it sends', async () => {
    await using gateway = await openGateway({ settings: { timeouts: short } });
    const connection = new RawConnection(gateway);
    const dripping = drip(connection, `${head}X-Slow: ${'x'.repeat(10_000)}`);
    await expectOthersServed(gateway);
    await dripping;
    expect(connection.received).toMatch(/^(HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n|$)/);
  });

  it('gets so long for a body, however steadily it sends', async () => {
    await using gateway = await openGateway({ settings: { timeouts: short } });
    const connection = new RawConnection(gateway);
    const dripping = drip(connection, `${head}Content-Length: 60000\r\n\r\n${' '.repeat(60_000)}`);
    await expectOthersServed(gateway);
    await dripping;
    await connection.closed;
  });

  it('gets so long for the rest of a body that is too large', async () => {
    await using gateway = await openGateway({ settings: { timeouts: short } });
    const connection = new RawConnection(gateway);
    await connection.send(`${head}Content-Length: 900000\r\n\r\n{"padding":"${'x'.repeat(70_000)}`);
    const dripping = drip(connection, ' '.repeat(10_000));
    await expectOthersServed(gateway);
    await dripping;
    expect(connection.received).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ['nothing', ''],
    ['nothing after an answer', health],
    ['no more of a chunk', `${head}Transfer-Encoding: chunked\r\n\r\n10\r\n{`],
  ])('loses its connection when it says %s', async (_what, text) => {
    await using gateway = await openGateway({ settings: { timeouts: short } });
    const connection = new RawConnection(gateway);
    await connection.send(text);
    await expectOthersServed(gateway);
    await connection.closed;
  });

  it('gets so long for a TLS handshake', async () => {
    const tls = new TestCa('limits').issue({ ips: ['127.0.0.1'] });
    await using gateway = await openGateway({ settings: { tls, timeouts: short } });
    const connection = new RawConnection(gateway);
    await connection.send('\x16\x03\x01\x02\0\x01');
    await connection.closed;
  });
});

describe('a peer that does not read its answers', () => {
  // More than the buffers of both sockets hold.
  const size = 32 * 1024 * 1024;
  const file = '/exports/aa/1600000000-1600003600-00001.zip';
  const exports = {
    async *getFile() {
      yield { part: { $case: 'header', value: { size: BigInt(size), etag: 'e' } } } as const;
      for (let at = 0; at < size; at += 65_536) {
        yield await Promise.resolve({ part: { $case: 'chunk', value: Buffer.alloc(65_536) } } as const);
      }
    },
  };

  it.each([
    ['a file', 1],
    ['a file that is kept in memory', 2],
  ])('loses its connection after a time: %s', async (_what, round) => {
    // Long enough that a busy machine asks for /healthz before the connection is lost.
    const timeouts = { ...short, idleMs: 3_000, answerMs: 20_000 };
    await using gateway = await openGateway({ settings: { timeouts, maxConnections: 1 }, exports });
    if (round === 2) expect((await ask(gateway, file)).body).toHaveLength(size);
    const socket = await connectTo(gateway);
    socket.pause().write(`GET ${file} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await expect(ask(gateway, '/healthz')).rejects.toThrow();
    await eventually(() => ask(gateway, '/healthz').catch(() => undefined));
    socket.destroy();
  });

  it('loses it even if it reads a little now and then', async () => {
    const timeouts = { ...short, idleMs: 60_000 };
    await using gateway = await openGateway({ settings: { timeouts, maxConnections: 1 }, exports });
    const socket = await connectTo(gateway);
    socket.write(`GET ${file} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const sips = setInterval(() => void socket.read(1_000), 50);
    await eventually(() => ask(gateway, '/healthz').catch(() => undefined));
    clearInterval(sips);
    socket.destroy();
  });

  it('may ask for eight things ahead, which are answered in turn, and no more', async () => {
    const release = Promise.withResolvers<undefined>();
    let open = 0;
    await using gateway = await openGateway({
      publish: async () => {
        open++;
        await release.promise;
        return { insertedExposures: open };
      },
    });
    const request = `${head}Content-Length: 2\r\n\r\n{}`;
    const eager = new RawConnection(gateway);
    await eager.send(request.repeat(10_000));
    await eager.closed;
    expect(eager.received).toBe('');
    expect(open).toBeLessThanOrEqual(9);
    const polite = new RawConnection(gateway);
    await polite.send(request.repeat(7) + health);
    release.resolve(undefined);
    const answers = await polite.receives('"ok"');
    expect(answers.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(8);
    polite.destroy();
  });
});

describe('connections', () => {
  it('beyond the limit are closed at once, and taken again when one has ended', async () => {
    await using gateway = await openGateway({ settings: { maxConnections: 2 } });
    const first = new RawConnection(gateway);
    const second = new RawConnection(gateway);
    for (const connection of [first, second]) {
      await connection.send(health);
      await connection.receives('"ok"');
    }
    const third = new RawConnection(gateway);
    await third.closed;
    expect(third.received).toBe('');
    await second.send(health);
    first.destroy();
    await eventually(() => ask(gateway, '/healthz').catch(() => undefined));
    second.destroy();
  });
});

describe('a header', () => {
  const fields = (count: number): string => Array.from({ length: count }, (_, i) => `X-${String(i)}: y\r\n`).join('');

  it.each([
    ['has 100 fields', `GET /healthz HTTP/1.1\r\nHost: x\r\n${fields(99)}\r\n`, 200],
    ['has 101 fields', `GET /healthz HTTP/1.1\r\nHost: x\r\n${fields(100)}\r\n`, 431],
    ['has 2,500 fields', `GET /healthz HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(2_500)}\r\n`, 431],
    ['has 16 kB', `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(16_300)}\r\n\r\n`, 200],
    ['has more than 16 kB', `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(16_400)}\r\n\r\n`, 431],
    ['has a long URL', `GET /healthz?${'x'.repeat(16_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 200],
    ['has a URL of more than 16 kB', `GET /healthz?${'x'.repeat(16_400)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    [
      'has a trailer of more than 16 kB',
      `${head}Transfer-Encoding: chunked\r\n\r\n0\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`,
      431,
    ],
  ])('%s', async (_what, text, status) => {
    await using gateway = await openGateway();
    const connection = new RawConnection(gateway);
    await connection.send(text);
    await connection.receives('\r\n\r\n');
    expect(connection.received).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
    if (status === 431) await connection.closed;
    connection.destroy();
  });
});

async function connectTo({ port }: { readonly port: number }): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
