/** `/.well-known/…`: what partners read of our issuer. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors.ts';
import { ask, openGateway } from '../support/gateway.ts';

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKeyPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const identity = { issuer: 'https://id.aa.example', subject: 'federation', keys: [{ version: 'v1', publicKeyPem }] };
const paths = ['/.well-known/openid-configuration', '/.well-known/jwks.json'] as const;

it('names the issuer and the place of its keys', async () => {
  await using gateway = await openGateway({ identity: () => Promise.resolve(identity) });
  const { status, headers, body } = await ask(gateway, paths[0]);
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, max-age=300' });
  expect(JSON.parse(body.toString())).toMatchObject({
    issuer: 'https://id.aa.example',
    jwks_uri: 'https://id.aa.example/.well-known/jwks.json',
  });
});

it('shows the public keys, and nothing else of them', async () => {
  await using gateway = await openGateway({ identity: () => Promise.resolve(identity) });
  const { status, body } = await ask(gateway, paths[1]);
  const { x, y } = publicKey.export({ format: 'jwk' });
  expect(status).toBe(200);
  expect(JSON.parse(body.toString())).toEqual({
    keys: [
      {
        kty: 'EC',
        crv: 'P-256',
        x,
        y,
        kid: expect.stringMatching(/^v1-[\w-]{10}$/) as string,
        alg: 'ES256',
        use: 'sig',
      },
    ],
  });
});

it.each(paths)('asks the federation role once for any number of readers of %s', async (path) => {
  let calls = 0;
  await using gateway = await openGateway({
    identity: () => {
      calls++;
      return Promise.resolve(identity);
    },
  });
  await Promise.all(Array.from({ length: 20 }, () => ask(gateway, path)));
  expect((await ask(gateway, path)).status).toBe(200);
  expect(calls).toBe(1);
});

it.each(paths)('is 404 at %s where the tokens are of another issuer', async (path) => {
  await using gateway = await openGateway({ identity: () => Promise.resolve({ issuer: '' }) });
  expect((await ask(gateway, path)).status).toBe(404);
});

it.each(paths)('is 503 at %s while nobody knows, and can be asked again', async (path) => {
  await using gateway = await openGateway({
    identity: () => Promise.reject(new AppError('unavailable', 'unavailable', 'away')),
  });
  const { status, headers } = await ask(gateway, path);
  expect(status).toBe(503);
  expect(headers).toMatchObject({ 'retry-after': '60', 'cache-control': 'no-store' });
});
