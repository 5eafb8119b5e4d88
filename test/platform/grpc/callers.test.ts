/** Who may call what. */
import { createChannel, createClient, Metadata, ChannelCredentials } from 'nice-grpc';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import type { CallerRole } from '../../../src/domain/caller-roles.ts';
import { AdminServiceDefinition, type GetResponse } from '../../../src/gen/enmesh/admin/v1/admin.ts';
import { FederationServiceDefinition } from '../../../src/gen/enmesh/federation/v1/federation.ts';
import { createGrpcClient } from '../../../src/platform/grpc/client.ts';
import { createHealthClient } from '../../../src/platform/grpc/health-client.ts';
import { peerNames, peerNamesKey } from '../../../src/platform/grpc/server-tls.ts';
import { grpcService, type GrpcServerSettings } from '../../../src/platform/grpc/server.ts';
import { TestCa } from './certificates.ts';
import { adminService, exportService, plain, rejection, start } from './installation.ts';

const ca = new TestCa('callers');
const strangerCa = new TestCa('strangers');
const serverCertificate = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
const gateway = ca.issue({ dns: ['gateway.internal'] });
const operator = ca.issue({ uris: ['spiffe://enmesh/operator'] });
const reader = ca.issue({ dns: ['first.internal', 'reader.internal'] });
const unknownName = ca.issue({ dns: ['gateway.internal.example'] });
const nameless = ca.issue({});
const stranger = strangerCa.issue({ dns: ['gateway.internal'], uris: ['spiffe://enmesh/operator'] });

const callers = new Map<string, CallerRole>([
  ['gateway.internal', 'gateway'],
  ['spiffe://enmesh/operator', 'operate'],
  ['reader.internal', 'read'],
]);
const tokens = new Map<string, CallerRole>([
  ['gateway-token', 'gateway'],
  ['operator-token', 'operate'],
]);
const mutualTls: GrpcServerSettings = { ...plain, callers, tls: { ...serverCertificate, clientCa: ca.cert } };
const tokenTls: GrpcServerSettings = { ...plain, callerTokens: tokens, tls: serverCertificate };

/** A partner's method, which would ask for an ID token itself. */
const partnerService = grpcService(FederationServiceDefinition, {
  handshake: () => Promise.resolve({ version: 'v1' }),
  async *subscribe() {
    await Promise.reject(new Error('not in this test'));
  },
  async *push() {
    await Promise.reject(new Error('not in this test'));
  },
});

const services = [
  adminService(() => Promise.resolve({ configuration: undefined } satisfies GetResponse)),
  exportService({ getIndex: () => Promise.resolve({ content: Buffer.from('a.zip'), etag: 'x' }) }),
];

const apply = { configuration: undefined, prune: false };

test('a gateway reads exports and is refused at Apply', async () => {
  await using installation = await start(services, { settings: mutualTls });
  const tls = { ca: ca.cert, ...gateway };
  expect((await installation.exports({ tls }).getIndex({ filenameRoot: 'a' })).etag).toBe('x');
  const error = await rejection(installation.admin({ tls }).apply(apply));
  expect(error).toMatchObject({ kind: 'forbidden', code: 'permission_denied' });
});

test('a reader plans and gets, and is refused at Apply', async () => {
  await using installation = await start(services, { settings: mutualTls });
  const client = installation.admin({ tls: { ca: ca.cert, ...reader } });
  await client.get({});
  await client.plan(apply);
  expect((await rejection(client.apply(apply))).kind).toBe('forbidden');
});

test('an operator, known by a URI, applies', async () => {
  await using installation = await start(services, { settings: mutualTls });
  expect(await installation.admin({ tls: { ca: ca.cert, ...operator } }).apply(apply)).toMatchObject({ changes: [] });
});

test.for([
  ['without a certificate', {}],
  ['with a certificate of another CA', stranger],
  ['with a name that is not listed', unknownName],
  ['with a certificate without names', nameless],
] as const)('a caller %s is not known, and may ask for health', async ([, certificate]) => {
  await using installation = await start(services, { settings: mutualTls });
  const tls = { ca: ca.cert, ...certificate };
  const error = await rejection(installation.admin({ tls }).get({}));
  expect(error).toMatchObject({ kind: 'unauthenticated', code: 'unauthenticated' });
  const health = createHealthClient(installation.target, { tls });
  expect(await health.isServing()).toBe(true);
  health.close();
});

test('names that a caller merely claims in its metadata count for nothing', async () => {
  await using installation = await start(services, { settings: mutualTls });
  const metadata = Metadata().set(peerNamesKey, 'spiffe://enmesh/operator');
  const error = await rejection(installation.admin({ tls: { ca: ca.cert } }).apply(apply, { metadata }));
  expect(error.kind).toBe('unauthenticated');
  const second = await rejection(installation.admin({ tls: { ca: ca.cert, ...gateway } }).apply(apply, { metadata }));
  expect(second.kind).toBe('forbidden');
});

test('claimed names count for nothing where callers are known by tokens', async () => {
  await using installation = await start(services, { settings: { ...tokenTls, callers } });
  const metadata = Metadata().set(peerNamesKey, 'spiffe://enmesh/operator');
  const error = await rejection(installation.admin({ tls: { ca: ca.cert } }).apply(apply, { metadata }));
  expect(error.kind).toBe('unauthenticated');
});

test('the plain text of a server that asks for TLS is not spoken', async () => {
  await using installation = await start(services, { settings: mutualTls });
  expect((await rejection(installation.admin().get({}))).kind).toBe('unavailable');
});

test('a server whose certificate another CA signed is not trusted', async () => {
  await using installation = await start(services, { settings: mutualTls });
  const error = await rejection(installation.admin({ tls: { ca: strangerCa.cert, ...operator } }).get({}));
  expect(error.kind).toBe('unavailable');
});

test('a resumed TLS session keeps the identity that it began with', async () => {
  await using installation = await start(services, { settings: mutualTls });
  const options = { port: installation.server.address.port, host: 'localhost', ca: ca.cert, ALPNProtocols: ['h2'] };
  const session = await new Promise<Buffer>((resolve) => {
    const socket = connect(options, () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    socket.once('session', (ticket) => {
      socket.destroy();
      resolve(ticket);
    });
  });
  const isReused = await new Promise<boolean>((resolve) => {
    const socket = connect({ ...options, ...operator, session }, () => {
      resolve(socket.isSessionReused());
      socket.destroy();
    });
  });
  expect(isReused).toBe(true);
  const channel = createChannel(
    installation.target,
    ChannelCredentials.createSsl(Buffer.from(ca.cert), null, null, { session } as never),
  );
  const client = createClient(AdminServiceDefinition, channel);
  await expect(client.apply(apply)).rejects.toMatchObject({ code: 16 });
  channel.close();
});

test('tokens over TLS give their roles', async () => {
  await using installation = await start(services, { settings: tokenTls });
  const tls = { ca: ca.cert };
  expect(await installation.admin({ tls, token: 'operator-token' }).apply(apply)).toMatchObject({ changes: [] });
  const asGateway = installation.admin({ tls, token: 'gateway-token' });
  expect((await rejection(asGateway.apply(apply))).kind).toBe('forbidden');
});

test.for(['operator-toke', 'operator-token2', 'OPERATOR-TOKEN'])('the token %s is not known', async (token) => {
  await using installation = await start(services, { settings: tokenTls });
  const error = await rejection(installation.admin({ tls: { ca: ca.cert }, token }).get({}));
  expect(error.kind).toBe('unauthenticated');
  expect(JSON.stringify(installation.lines)).not.toContain(token);
});

test('a wrong token is refused although the certificate is known', async () => {
  await using installation = await start(services, { settings: { ...mutualTls, callerTokens: tokens } });
  const tls = { ca: ca.cert, ...operator };
  expect((await rejection(installation.admin({ tls, token: 'wrong' }).get({}))).kind).toBe('unauthenticated');
  await installation.admin({ tls, token: 'gateway-token' }).apply(apply);
});

test('reflection is for every known caller and for no other', async () => {
  await using installation = await start(services, { settings: mutualTls });
  const paths = ['v1', 'v1alpha'].map((version) => `grpc.reflection.${version}.ServerReflection`);
  for (const fullName of paths) {
    const ask = async (certificate: object): Promise<unknown> => {
      const { client, close } = createGrpcClient(
        { name: 'R', fullName, methods: { ask: { ...rawMethod, name: 'ServerReflectionInfo' } } },
        installation.target,
        { tls: { ca: ca.cert, ...certificate } },
      );
      try {
        const answers: unknown[] = [];
        for await (const answer of client.ask((async function* () {})())) answers.push(answer);
        return answers;
      } finally {
        close();
      }
    };
    expect(await ask(gateway)).toEqual([]);
    expect((await rejection(ask({}))).kind).toBe('unauthenticated');
  }
});

const raw = { encode: () => ({ finish: () => new Uint8Array() }), decode: () => ({}), fromPartial: () => ({}) };
const rawMethod = {
  requestType: raw,
  responseType: raw,
  requestStream: true,
  responseStream: true,
  options: {},
} as const;

test('tokens count on loopback without TLS too', async () => {
  await using installation = await start(services, { settings: { ...plain, callerTokens: tokens } });
  expect((await rejection(installation.admin().get({}))).kind).toBe('unauthenticated');
  expect((await rejection(installation.admin({ token: 'gateway-token' }).apply(apply))).kind).toBe('forbidden');
  expect(await installation.admin({ token: 'operator-token' }).apply(apply)).toMatchObject({ changes: [] });
});

test('on loopback without TLS, tokens and client CA everybody is an operator', async () => {
  await using installation = await start(services);
  await installation.admin().apply(apply);
});

test.for(['0.0.0.0', '::', '192.0.2.1', 'enmesh.example'])('plain text on %s is refused at the start', async (host) => {
  const address = { host, port: 0 };
  const error = await rejection(start(services, { settings: { ...plain, address } }));
  expect(error).toMatchObject({ kind: 'precondition', code: 'insecure_address' });
  expect(error.message).toContain('everybody who reaches it could call it');
});

test.for([
  ['tokens without TLS', { callerTokens: tokens }, 'plain text'],
  ['TLS alone', { tls: serverCertificate }, 'everybody'],
  ['listed certificates without a CA', { callers, tls: serverCertificate }, 'everybody'],
] as const)('%s are not enough off loopback', async ([, settings, cause]) => {
  const address = { host: '0.0.0.0', port: 0 };
  const error = await rejection(start(services, { settings: { ...plain, address, ...settings } }));
  expect(error).toMatchObject({ kind: 'precondition', code: 'insecure_address' });
  expect(error.message).toContain(cause);
});

test.for([
  ['a client CA', mutualTls],
  ['tokens over TLS', tokenTls],
] as const)('%s are enough off loopback', async ([, settings]) => {
  await using installation = await start(services, {
    settings: { ...settings, address: { host: '0.0.0.0', port: 0 } },
  });
  expect((await rejection(installation.admin({ tls: { ca: ca.cert } }).get({}))).kind).toBe('unauthenticated');
});

test('TLS alone is enough off loopback where partners call, and then operators are denied', async () => {
  await using installation = await start([...services, partnerService], {
    settings: { ...plain, tls: serverCertificate, servesPartners: true, address: { host: '0.0.0.0', port: 0 } },
  });
  const tls = { ca: ca.cert };
  expect(await rejection(installation.admin({ tls }).get({}))).toMatchObject({ kind: 'unauthenticated' });
  const withToken = installation.admin({ tls, token: 'guessed' });
  expect(await rejection(withToken.get({}))).toMatchObject({ kind: 'unauthenticated' });
  const partner = createGrpcClient(FederationServiceDefinition, installation.target, { tls });
  expect((await partner.client.handshake({})).version).toBe('v1');
  partner.close();
});

/** As a partner calls that shows this certificate, and claims the name of another. */
async function shakeHands(target: string, certificate: object): Promise<string> {
  const { client, close } = createGrpcClient(FederationServiceDefinition, target, {
    tls: { ca: ca.cert, ...certificate },
  });
  const metadata = Metadata().set(peerNamesKey, 'spiffe://enmesh/operator');
  return await client
    .handshake({}, { metadata })
    .then(({ version }) => version)
    .finally(close);
}

test.for([
  ['no certificate', {}],
  ['a certificate of another CA', stranger],
] as const)('where there is a client CA, a partner that shows %s is refused', async ([, certificate]) => {
  await using installation = await start([partnerService], { settings: { ...mutualTls, servesPartners: true } });
  expect(await rejection(shakeHands(installation.target, certificate))).toMatchObject({
    kind: 'unauthenticated',
    code: 'client_certificate_missing',
  });
});

test.for([
  ['without names', nameless],
  ['of a name that is no caller', unknownName],
] as const)('where there is a client CA, a partner that shows one of its certificates %s is let in', async (shown) => {
  await using installation = await start([partnerService], { settings: { ...mutualTls, servesPartners: true } });
  expect(await shakeHands(installation.target, shown[1])).toBe('v1');
});

test('partners have no caller role: their ID tokens are not looked for among caller tokens', async () => {
  await using installation = await start([...services, partnerService], {
    settings: { ...plain, callerTokens: tokens },
  });
  const partner = createGrpcClient(FederationServiceDefinition, installation.target, { token: 'an ID token' });
  expect((await partner.client.handshake({})).version).toBe('v1');
  partner.close();
  expect(await rejection(installation.admin({ token: 'an ID token' }).get({}))).toMatchObject({
    kind: 'unauthenticated',
  });
});

test('a key that is not that of the certificate is refused at the start', async () => {
  const settings = { ...plain, tls: { cert: serverCertificate.cert, key: gateway.key } };
  expect(await rejection(start(services, { settings }))).toMatchObject({ kind: 'precondition', code: 'bad_tls' });
});

test('a client sends no token in plain text to another machine', () => {
  const create = (target: string) => createGrpcClient(AdminServiceDefinition, target, { token: 'x' });
  expect(() => create('dns:///enmesh.example:9090')).toThrow(/plain text/);
  expect(() => create('192.0.2.1:9090')).toThrow(/plain text/);
  create('[::1]:9090').close();
});

test('names are read out of a certificate, and quoted ones are no names', () => {
  expect(peerNames('DNS:a.example, IP Address:192.0.2.1, URI:spiffe://a/b, email:x@example')).toEqual([
    'a.example',
    'spiffe://a/b',
  ]);
  expect(peerNames('DNS:"a.example\\u002c DNS:operator.internal"')).toEqual([]);
  expect(peerNames('URI:"http://x/, DNS:operator.internal", DNS:b')).toEqual(['b']);
  expect(peerNames('DNS:a"b, DNS:operator.internal')).toEqual([]);
  expect(peerNames('')).toEqual([]);
  expect(peerNames(undefined)).toEqual([]);
});
