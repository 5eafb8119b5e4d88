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
  maxRecords: 500_000,
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

describe('Export decision 13: what phones cannot follow is refused', () => {
  it('more than 15 files a day', () => {
    expect(paths(exportWith({ period: '96m' }), { truncateSeconds: 960 })).toEqual([]);
    expect(paths(exportWith({ period: '90m' }), { truncateSeconds: 900 })).toEqual(['exports[0].period']);
  });

  it('windows that do not divide a day', () => {
    expect(paths(exportWith({ period: '8h' }))).toEqual([]);
    expect(paths(exportWith({ period: '7h' }))).toEqual(['exports[0].period']);
    expect(paths(exportWith({ period: '7h' }), { allowShortWindows: true })).toEqual([]);
  });

  it('files of more than 750000 keys, whoever says so', () => {
    expect(paths(exportWith({ maxRecords: 750_000 }))).toEqual([]);
    expect(paths(exportWith({ maxRecords: 750_001 }))).toEqual(['exports[0].maxRecords']);
    expect(paths(exportWith({}), { maxRecords: 750_000 })).toEqual([]);
    expect(paths(exportWith({}), { maxRecords: 750_001 })).toEqual(['exports[0].maxRecords']);
    expect(paths(exportWith({ maxRecords: 500_000 }), { maxRecords: 750_001 })).toEqual([]);
  });

  it('a grace shorter than caches keep an index', () => {
    expect(paths(exportWith({ grace: '24h' }))).toEqual([]);
    expect(paths(exportWith({ grace: '23h' }))).toEqual(['exports[0].grace']);
  });

  it('more than 10 signers', () => {
    const names = Array.from({ length: 11 }, (_, index) => `key-${String(index)}`);
    expect(paths(exportWith({ signingKeys: names.slice(1) }))).toEqual([]);
    expect(() => parseConfiguration(exportWith({ signingKeys: names }))).toThrow(
      expect.objectContaining({ details: ['exports[0].signingKeys: wants 1 to 10 names of signing keys'] }),
    );
  });

  it('each with what to do, and none of it in a test installation', () => {
    const document = exportWith({ period: '1h', grace: '1h', maxRecords: 1_000_000 });
    const faults = installationFaults(parseConfiguration(document), real);
    expect(faults.map(({ message }) => message.replace(/^.*?; /, ''))).toEqual([
      'take 2h or more, or set ENMESH_UNSAFE_SHORT_WINDOWS=true',
      'take 24h or more, or set ENMESH_UNSAFE_SHORT_WINDOWS=true',
      'take fewer (a batch of more keys becomes several files), or set ENMESH_UNSAFE_SHORT_WINDOWS=true',
    ]);
    expect(paths(document, { allowShortWindows: true })).toEqual([]);
    const test = { truncateSeconds: 5, allowShortWindows: true };
    expect(paths(exportWith({ period: '10s', grace: '1s' }), test)).toEqual([]);
  });

  it('windows that are no multiples of the truncate window, in every installation', () => {
    expect(paths(exportWith({ period: '2s' }), { truncateSeconds: 5, allowShortWindows: true })).toEqual([
      'exports[0].period',
    ]);
    expect(paths(exportWith({ period: '3h' }), { truncateSeconds: 7200 })).toEqual(['exports[0].period']);
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
