import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { TestCa } from '../platform/grpc/certificates.ts';
import { ask, openGateway, RawConnection, testSettings } from './support/gateway.ts';

const ca = new TestCa('gateway test');
const tls = ca.issue({ ips: ['127.0.0.1'] });

describe('a gateway with TLS', () => {
  it('answers over TLS and not without', async () => {
    await using gateway = await openGateway({ settings: { tls } });
    const call = request({ host: '127.0.0.1', port: gateway.port, path: '/healthz', ca: ca.cert, agent: false });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
    response.resume();
    await expect(ask(gateway, '/healthz')).rejects.toThrow();
  });

  it('refuses TLS before 1.2', async () => {
    await using gateway = await openGateway({ settings: { tls } });
    const socket = connect({ port: gateway.port, ca: ca.cert, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
  });

  it('stops although a connection stays open without a request, and another without a handshake', async () => {
    const timeouts = { ...testSettings.timeouts, quietMs: 50 };
    await using gateway = await openGateway({ settings: { tls, timeouts } });
    const bare = new RawConnection(gateway);
    await bare.send('');
    const socket = connect({ host: '127.0.0.1', port: gateway.port, ca: ca.cert });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    const closed = once(socket, 'close');
    await gateway.stop();
    await Promise.all([closed, bare.closed]);
    expect(gateway.logs.filter(({ level }) => level === 'warn')).toEqual([]);
  });
});
