/** What an installation refuses although the file is well written. */
import { describe, expect, it } from 'vitest';
import { installationFaults, type Installation } from '../../../src/domain/configuration/installation.ts';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { members, sampleDocument } from '../../support/configuration.ts';

const { app, series, healthAuthority } = members;

const iosAttestation = {
  appId: 'TEAM.org.example.health',
  environment: 'production',
  rootCertificates: ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
};

const real: Installation = {
  truncateSeconds: 3600,
  allowShortWindows: false,
  allowLoopback: false,
  isP256PublicKey: () => true,
  isAuthorityCertificate: () => true,
};

function paths(document: unknown, installation: Partial<Installation> = {}): string[] {
  return installationFaults(parseConfiguration(document), { ...real, ...installation }).map(({ path }) => path);
}

function exportWith(fields: object): unknown {
  return { exports: [{ ...series, ...fields }] };
}

describe('windows that phones can follow', () => {
  it('are 15 files a day at most', () => {
    expect(paths(exportWith({ period: '96m' }), { truncateSeconds: 960 })).toEqual([]);
    expect(paths(exportWith({ period: '90m' }), { truncateSeconds: 900 })).toEqual(['exports[0].period']);
  });

  it('may be shorter in a test installation', () => {
    const test = { truncateSeconds: 5, allowShortWindows: true };
    expect(paths(exportWith({ period: '10s', grace: '1s' }), test)).toEqual([]);
  });

  it('are never shorter than, nor between, multiples of the truncate window', () => {
    expect(paths(exportWith({ period: '2s' }), { truncateSeconds: 5, allowShortWindows: true })).toEqual([
      'exports[0].period',
    ]);
    expect(paths(exportWith({ period: '3h' }), { truncateSeconds: 7200 })).toEqual(['exports[0].period']);
  });

  it('keep files for a day after they left the index', () => {
    expect(paths(exportWith({ grace: '24h' }))).toEqual([]);
    expect(paths(exportWith({ grace: '23h' }))).toEqual(['exports[0].grace']);
  });
});

describe('attestation', () => {
  const withIos = { apps: [{ ...app, attestation: 'require', ios: iosAttestation }] };

  it('trusts certificates of authorities alone', () => {
    expect(paths(withIos)).toEqual([]);
    expect(paths(withIos, { isAuthorityCertificate: () => false })).toEqual(['apps[0].ios.rootCertificates[0]']);
  });
});

describe('addresses and keys', () => {
  const loopback = { healthAuthorities: [{ ...healthAuthority, jwksUri: 'http://localhost:1234/jwks' }] };

  it('are https, but on loopback in a test installation', () => {
    expect(paths(loopback)).toEqual(['healthAuthorities[0].jwksUri']);
    expect(paths(loopback, { allowLoopback: true })).toEqual([]);
  });

  it('are P-256 keys, every one of them', () => {
    expect(paths(sampleDocument(), { isP256PublicKey: () => false })).toEqual([
      'healthAuthorities[0].keys[0].publicKeyPem',
      'imports[0].publicKeys[0].publicKeyPem',
    ]);
  });
});
