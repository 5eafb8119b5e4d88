/** Why a server cannot be reached: each cause, made for real, is told from the others. */
import { once } from 'node:events';
import { createSecureServer, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createHealthClient } from '../../../src/platform/grpc/health-client.ts';
import { probeConnection } from '../../../src/platform/grpc/probe-connection.ts';
import { TestCa } from './certificates.ts';

const ca = new TestCa('Trusted');
const stranger = new TestCa('Stranger');
const ours = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
const tls = { ca: ca.cert };

/** Listens on a free port of 127.0.0.1. */
async function listening(server: Server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => void server.close() };
}

const http2With = async (options: TlsOptions) => await listening(createSecureServer(options));

describe('a server is', () => {
  it.each(['127.0.0.1', 'localhost', 'dns:///localhost'])('reached as %s when nothing is wrong', async (host) => {
    using server = await http2With(ours);
    expect(await probeConnection(`${host}:${String(server.port)}`, tls)).toBeUndefined();
  });

  it('reached in plain text when that is what it speaks', async () => {
    using server = await listening(createHttp2Server());
    expect(await probeConnection(`127.0.0.1:${String(server.port)}`, undefined)).toBeUndefined();
  });

  it('of nobody whom we trust', async () => {
    using server = await http2With(stranger.issue({ dns: ['localhost'] }));
    expect(await probeConnection(`localhost:${String(server.port)}`, tls)).toBe('untrusted');
    expect(await probeConnection(`localhost:${String(server.port)}`, {})).toBe('untrusted');
  });

  it('out of date', async () => {
    using server = await http2With(ca.issue({ dns: ['localhost'] }, { notAfter: new Date('2021-01-01T00:00:00Z') }));
    expect(await probeConnection(`localhost:${String(server.port)}`, tls)).toBe('expired');
  });

  it.each([
    ['a name', { dns: ['other.example'] }, 'localhost'],
    ['an address', { dns: ['localhost'] }, '127.0.0.1'],
  ])('another one by its certificate, called by %s', async (_how, names, host) => {
    using server = await http2With(ca.issue(names));
    expect(await probeConnection(`${host}:${String(server.port)}`, tls)).toBe('wrong_name');
  });

  it('without TLS', async () => {
    using server = await listening(createHttp2Server());
    expect(await probeConnection(`127.0.0.1:${String(server.port)}`, tls)).toBe('not_tls');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('one that wants a certificate of ours, over %s', async (version) => {
    const settings = { requestCert: true, rejectUnauthorized: true, minVersion: version, maxVersion: version } as const;
    using server = await http2With({ ...ours, ...settings, ca: stranger.cert });
    const target = `127.0.0.1:${String(server.port)}`;
    expect(await probeConnection(target, tls)).toBe('certificate_refused');
    expect(await probeConnection(target, { ...tls, ...stranger.issue({ dns: ['us'] }) })).toBeUndefined();
  });

  it('something else: TLS without HTTP/2, TLS where plain text is meant, or one that hangs up', async () => {
    using tlsOnly = await listening(createTlsServer(ours, (socket) => socket.end()));
    expect(await probeConnection(`127.0.0.1:${String(tlsOnly.port)}`, tls)).toBe('not_http2');
    using secure = await http2With(ours);
    expect(await probeConnection(`127.0.0.1:${String(secure.port)}`, undefined)).toBe('not_http2');
    using rude = await listening(createServer((socket) => socket.destroy()));
    expect(await probeConnection(`127.0.0.1:${String(rude.port)}`, undefined)).toBe('not_http2');
    expect(await probeConnection(`127.0.0.1:${String(rude.port)}`, tls)).toBe('tls_failed');
  });

  it('not there', async () => {
    const gone = await listening(createServer());
    gone[Symbol.dispose]();
    expect(await probeConnection(`127.0.0.1:${String(gone.port)}`, tls)).toBe('refused');
    // RFC 1035, 2.3.4: a label has 63 characters at most, so nobody need be asked.
    expect(await probeConnection(`${'a'.repeat(64)}.example:443`, tls)).toBe('name_unknown');
  });
});

it('calls and probes of an IP address name no host in the handshake, those of a name do (RFC 6066)', async () => {
  const named: (string | false)[] = [];
  const server = createSecureServer(ours);
  server.on('secureConnection', ({ servername }: { servername: string | false }) => named.push(servername));
  server.on('stream', (stream) => {
    stream.respond({ ':status': 404 }, { endStream: true });
  });
  using listener = await listening(server);
  for (const host of ['127.0.0.1', 'localhost']) {
    const target = `${host}:${String(listener.port)}`;
    await probeConnection(target, tls);
    const health = createHealthClient(target, { tls });
    expect(await health.isServing()).toBe(false);
    health.close();
  }
  expect(named).toEqual([false, false, 'localhost', 'localhost']);
});
