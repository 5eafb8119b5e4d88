/** Requests that two readers of HTTP could understand differently, sent byte by byte. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openGateway, RawConnection, type TestGateway } from './support/gateway.ts';

const head = 'POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

let gateway: TestGateway;
let publishes = 0;

beforeAll(async () => {
  gateway = await openGateway({
    publish: () => {
      publishes++;
      return Promise.resolve({ insertedExposures: 7 });
    },
  });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

/** Statuses of all answers to bytes that are followed by a last request, and how many publishes came through. */
async function send(bytes: string): Promise<{ statuses: number[]; received: string; came: number }> {
  const before = publishes;
  const connection = new RawConnection(gateway);
  await connection.send(`${bytes}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await connection.closed;
  const { received } = connection;
  const statuses = [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return { statuses, received, came: publishes - before };
}

const smuggled =
  'POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}';

describe('a body whose length can be read in two ways', () => {
  it.each([
    ['two lengths', `Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['the same length twice', `Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`],
    ['a list of lengths', `Content-Length: 2, 2\r\n\r\n{}`],
    ['length and chunks', `Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['chunks and length', `Transfer-Encoding: chunked\r\nContent-Length: ${String(smuggled.length)}\r\n\r\n0\r\n\r\n`],
    ['a length with a sign', `Content-Length: +2\r\n\r\n{}`],
    ['a negative length', `Content-Length: -2\r\n\r\n{}`],
    ['a hexadecimal length', `Content-Length: 0x2\r\n\r\n{}`],
    ['a length of no number', `Content-Length: two\r\n\r\n{}`],
    ['an empty length', `Content-Length: \r\n\r\n{}`],
    ['a length beyond 64 bits', `Content-Length: 18446744073709551618\r\n\r\n{}`],
    ['an unknown encoding', `Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['chunked before another encoding', `Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['identity and chunked', `Transfer-Encoding: identity\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n`],
    ['a vertical tab before chunked', `Transfer-Encoding:\vchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ['a space before the colon', `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk size of no number', `Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size with 0x', `Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size with a sign', `Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size beyond 64 bits', `Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n`],
    ['a chunk longer than its size', `Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`],
    ['a length in a trailer', `Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 99\r\n\r\n`],
    ['chunk lines that end in LF alone', `Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n`],
  ])('is refused, and nothing after it is read: %s', async (_what, rest) => {
    const { statuses, came, received } = await send(`${head}${rest}${smuggled}`);
    expect(statuses).toEqual([400]);
    expect(came).toBe(0);
    expect(received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nConnection: close\r\n/);
  });

  it.each([
    ['chunked in capitals', 'Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk extension', 'Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n'],
    ['a trailer', 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Chaff: 1\r\n\r\n'],
    ['zeros before the length', 'Content-Length: 0002\r\n\r\n{}'],
  ])('is read as RFC 9112 says, to its end and no further: %s', async (_what, rest) => {
    const { statuses, came } = await send(`${head}${rest}`);
    expect({ statuses, came }).toEqual({ statuses: [200, 200], came: 1 });
  });
});

describe('a body where none is expected', () => {
  it.each(['GET', 'DELETE', 'OPTIONS', 'POST'])('is no request: %s', async (method) => {
    const { statuses, came } = await send(
      `${method} /exports/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${String(smuggled.length)}\r\n\r\n${smuggled}`,
    );
    expect({ statuses: statuses.slice(1), came }).toEqual({ statuses: [200], came: 0 });
  });

  it('is no request where it is chunked', async () => {
    const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
    const { statuses, came } = await send(
      `GET /exports/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`,
    );
    expect({ statuses, came }).toEqual({ statuses: [404, 200], came: 0 });
  });
});

describe('a header that can be read in two ways', () => {
  it.each([
    ['a folded line', 'X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n{}'],
    ['a line without colon', 'Content-Length\r\n\r\n'],
    ['a NUL', 'X-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}'],
    ['a lone CR', 'X-Cr: a\rContent-Length: 2\r\n\r\n{}'],
    ['lines that end in LF alone', 'X-Lf: a\nContent-Length: 2\n\n{}'],
    ['a name with a space', 'Content Length: 2\r\n\r\n{}'],
    ['no name', ': 2\r\nContent-Length: 2\r\n\r\n{}'],
  ])('is refused: %s', async (_what, rest) => {
    const { statuses, came } = await send(`${head}${rest}${smuggled}`);
    expect(statuses).toEqual([400]);
    expect(came).toBe(0);
  });

  it.each([
    ['no host', 'POST /v1/publish HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}', 400],
    ['two hosts', `${head}Host: y\r\nContent-Length: 2\r\n\r\n{}`, 400],
    ['HTTP/0.9', 'GET /healthz\r\n\r\n', 400],
    ['HTTP/2 in plain text', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['HTTP/3.0', 'GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n', 400],
    ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n', 0],
    ['a method in small letters', 'post /v1/publish HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a TLS hello', '\x16\x03\x01\x02\0\x01\0', 400],
  ])('ends the connection: %s', async (_what, bytes, status) => {
    const { statuses, came } = await send(bytes);
    expect({ statuses: statuses[0] ?? 0, came }).toEqual({ statuses: status, came: 0 });
  });
});

describe('the path', () => {
  it.each([
    ['http://elsewhere/v1/publish', 200],
    ['http://elsewhere/v1/publish?x', 200],
    ['/v1/%70ublish', 200],
    ['/v1/publish#x', 200],
    ['//v1/publish', 404],
    ['/v1//publish', 404],
    ['/v1/../v1/publish', 404],
    ['/./v1/publish', 404],
    ['/v1%2Fpublish', 404],
    ['/v1/publish/', 404],
    ['/v1/publish%00', 404],
    ['/v1/publish;x', 404],
    ['/V1/publish', 404],
    ['/v1/publish%', 404],
    ['/v1/\\publish', 404],
    ['v1/publish', 400],
    ['http://elsewhere//v1/publish', 404],
    ['*', 404],
  ])('%s: %i', async (path, status) => {
    const { statuses, came } = await send(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    expect(statuses[0]).toBe(status);
    expect(came).toBe(status === 200 ? 1 : 0);
  });
});

describe('a wish beyond the request', () => {
  it.each([
    ['HTTP/2', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n'],
    ['WebSocket', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'],
  ])('to speak %s is passed over, and what follows is not read', async (_what, fields) => {
    const { statuses, came, received } = await send(`${head}${fields}Content-Length: 2\r\n\r\n{}${smuggled}`);
    expect({ statuses, came }).toEqual({ statuses: [200], came: 1 });
    expect(received).toMatch(/\r\nconnection: close\r\n/i);
  });

  it('to be told to go on is granted, any other is refused', async () => {
    const { statuses } = await send(`${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`);
    expect(statuses).toEqual([100, 200, 200]);
    const refused = await send(`${head}Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{}`);
    expect({ first: refused.statuses[0], came: refused.came }).toEqual({ first: 417, came: 0 });
  });
});

describe('names of header fields', () => {
  it.each([
    'X-Chaff: 1',
    'x-chaff: 1',
    'X-CHAFF:1',
    'X-Chaff: 1\r\nX-Chaff: 2',
    'X-Chaff: \r\nX-Chaff: 2',
    'X-Chaff:\r\nX-Chaff:',
  ])('match without case, and chaff is chaff: %j', async (field) => {
    const { statuses, came } = await send(`${head}${field}\r\nContent-Length: 2\r\n\r\n{}`);
    expect({ statuses, came }).toEqual({ statuses: [200, 200], came: 0 });
  });

  it.each(['X-Chaff:', 'X-Chaff:  ', 'X_Chaff: 1', 'X-Chaffs: 1'])('are no chaff: %j', async (field) => {
    const { statuses, came } = await send(`${head}${field}\r\nContent-Length: 2\r\n\r\n{}`);
    expect({ statuses, came }).toEqual({ statuses: [200, 200], came: 1 });
  });

  it('of content types: the first one counts', async () => {
    const { statuses } = await send(`${head}content-type: text/plain\r\nContent-Length: 2\r\n\r\n{}`);
    expect(statuses).toEqual([200, 200]);
  });
});
