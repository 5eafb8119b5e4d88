import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { identityKeyId } from '../../../src/domain/federation/identity-key-id.ts';

function makePem(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();
}

it('tells keys apart that have the same version, and versions of the same key', () => {
  const [one, other] = [makePem(), makePem()];
  const ids = [
    identityKeyId({ version: 'v1', publicKeyPem: one }),
    identityKeyId({ version: 'v1', publicKeyPem: other }),
    identityKeyId({ version: 'v2', publicKeyPem: one }),
  ];
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^v[12]-[\w-]{10}$/);
});

it('is the same however the PEM is broken into lines', () => {
  const publicKeyPem = makePem();
  const unbroken = publicKeyPem.replaceAll('\n', '\r\n');
  expect(identityKeyId({ version: 'v1', publicKeyPem: unbroken })).toBe(identityKeyId({ version: 'v1', publicKeyPem }));
});
