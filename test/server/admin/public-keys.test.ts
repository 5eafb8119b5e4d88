import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isAuthorityCertificate } from '../../../src/server/admin/public-keys.ts';
import { makePublicKeyPem } from '../../support/configuration.ts';
import { issue } from '../attestation/apple.ts';

const now = new Date('2026-03-15T13:47:30Z');

describe('a root certificate for attestations', () => {
  it('may be Apple’s', () => {
    expect(isAuthorityCertificate(readFileSync('examples/apple-app-attestation-root.pem', 'utf8'))).toBe(true);
  });

  it('is no device’s certificate, nor anything else', async () => {
    const device = await issue({}, { now });
    expect(isAuthorityCertificate(device.certificate.toString('pem'))).toBe(false);
    expect(isAuthorityCertificate(makePublicKeyPem())).toBe(false);
    expect(isAuthorityCertificate('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toBe(false);
  });
});
