import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ask, openGateway, publish, RawConnection, testSettings } from '../support/gateway.ts';

const head = 'POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

/** A body of exactly so many bytes. */
function bodyOf(bytes: number): string {
  return `{"padding":"${'x'.repeat(bytes - 14)}"}`;
}

describe('the size of a publish', () => {
  it.each([{}, { 'transfer-encoding': 'chunked' }])('may be 64,000 bytes and no more (%j)', async (headers) => {
    await using gateway = await openGateway();
    expect((await publish(gateway, bodyOf(64_000), headers)).status).toBe(200);
    const { status, json, headers: answered } = await publish(gateway, bodyOf(64_001), headers);
    expect(status).toBe(413);
    expect(json).toMatchObject({
      code: 'bad_request',
      error: 'error unmarshalling API call, code: 413: http: request body too large',
    });
    expect(answered.connection).toBe('close');
  });

  it('counts what is needed: white space after the object may go beyond', async () => {
    await using gateway = await openGateway();
    expect((await publish(gateway, '{}' + ' '.repeat(70_000))).status).toBe(200);
    expect((await publish(gateway, '{x' + ' '.repeat(70_000))).json.error).toContain('malformed json at position 2');
  });

  it('is refused before the rest is sent, however much is announced', async () => {
    await using gateway = await openGateway();
    const connection = new RawConnection(gateway);
    await connection.send(`${head}Content-Length: 10000000000\r\n\r\n${bodyOf(70_000)}`);
    const answer = await connection.receives('"padding"');
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    await connection.closed;
  });

  it('is refused while a chunked body goes on, and the answer arrives whole', async () => {
    await using gateway = await openGateway();
    const connection = new RawConnection(gateway);
    await connection.send(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 5; i++) await connection.send(`4000\r\n${'x'.repeat(0x4000)}\r\n`);
    const answer = await connection.receives('}');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('malformed json at position 1');
    await connection.closed;
  });

  it('that ends early is nobody’s publish', async () => {
    let calls = 0;
    await using gateway = await openGateway({
      publish: () => {
        calls++;
        return Promise.resolve({});
      },
    });
    const socket = connect(gateway.port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.write(`${head}Content-Length: 100\r\n\r\n{}`, () => resolve()));
    socket.destroy();
    expect((await publish(gateway, '{}')).status).toBe(200);
    expect(calls).toBe(1);
  });
});

describe('slow and broken requests', () => {
  const timeouts = { ...testSettings.timeouts, headerMs: 50, requestMs: 100 };

  it.each([
    ['header', head],
    ['body', `${head}Content-Length: 100\r\n\r\n{`],
  ])('whose %s does not come in time end with 408', async (_what, text) => {
    await using gateway = await openGateway({ settings: { timeouts } });
    const connection = new RawConnection(gateway);
    await connection.send(text);
    await connection.closed;
    expect(connection.received).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
    ['length and chunks', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`, 400],
    ['endless header', `${head}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('are refused: %s', async (_what, text, status) => {
    await using gateway = await openGateway();
    const connection = new RawConnection(gateway);
    await connection.send(text);
    await connection.closed;
    expect(connection.received).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} `));
    expect((await ask(gateway, '/healthz')).status).toBe(200);
  });
});
