/** What a configuration file may say, and what each fault is called. */
import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { makePublicKeyPem, members, sampleDocument } from '../../support/configuration.ts';

const { healthAuthority, app, signingKey, series, partner, mirror, source } = members;

function faultsOf(document: unknown): readonly string[] {
  try {
    parseConfiguration(document);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_configuration') return error.details;
    throw error;
  }
  return [];
}

function pathsOf(document: unknown): string[] {
  return faultsOf(document).map((line) => line.slice(0, line.indexOf(': ')));
}

describe('parsing a configuration', () => {
  it('takes one member in every list and fills the defaults in', () => {
    const parsed = parseConfiguration(sampleDocument());
    expect(parsed.healthAuthorities[0]).toMatchObject({ stats: true, jwksUri: null });
    expect(parsed.apps[0]).toMatchObject({ bypassCertificate: false, attestation: 'off', android: null, ios: null });
    expect(parsed.signingKeys[0]).toMatchObject({ keyVersion: 'v1', thru: null });
    expect(parsed.exports[0]).toMatchObject({
      inputRegions: [],
      includeTravelers: true,
      onlyNonTravelers: false,
      periodSeconds: 4 * 3600,
      graceSeconds: 24 * 3600,
      maxRecords: null,
      shiftSeconds: null,
    });
    expect(parsed.partners[0]).toMatchObject({
      requireServerIdentity: true,
      serve: { onlyLocal: true, omitOnset: false },
      pull: { protocol: 'stream' },
      push: { onlyLocal: true },
    });
  });

  it('takes null as left out', () => {
    const parsed = parseConfiguration({ apps: null, exports: [{ ...series, excludeRegions: null, grace: null }] });
    expect(parsed.exports[0]).toMatchObject({ excludeRegions: [], graceSeconds: 86_400 });
  });

  it('upper-cases regions and keeps each once', () => {
    const parsed = parseConfiguration({ apps: [{ ...app, regions: ['aa', 'AA', ' us-wa '] }] });
    expect(parsed.apps[0]?.regions).toEqual(['AA', 'US-WA']);
  });

  it('lower-cases the ids of apps, as requests are matched', () => {
    expect(parseConfiguration({ apps: [{ ...app, id: 'Org.Example.Health' }] }).apps[0]?.id).toBe('org.example.health');
  });

  it('takes a YAML false for attestation off', () => {
    expect(parseConfiguration({ apps: [{ ...app, attestation: false }] }).apps[0]?.attestation).toBe('off');
    expect(faultsOf({ apps: [{ ...app, attestation: true }] })).toEqual([
      'apps[0].attestation: wants one of off, observe, require',
    ]);
  });

  it('leaves travelers out by default where only non-travelers go in', () => {
    const parsed = parseConfiguration({ exports: [{ ...series, onlyNonTravelers: true }] });
    expect(parsed.exports[0]?.includeTravelers).toBe(false);
  });

  it('reads durations and times', () => {
    const [parsed] = parseConfiguration({
      exports: [{ ...series, period: '90m', from: '2026-01-01', thru: '2026-06-01T02:00:00+02:00' }],
    }).exports;
    expect(parsed?.periodSeconds).toBe(5400);
    expect(parsed?.from).toEqual(new Date('2026-01-01T00:00:00Z'));
    expect(parsed?.thru).toEqual(new Date('2026-06-01T00:00:00Z'));
  });

  it('names every fault of the whole file at once', () => {
    expect(
      pathsOf({
        apps: [{ ...app, regions: [] }, app, { ...app, perid: 1 }],
        exports: [
          { ...series, inputRegions: ['AA', 'B B'], period: '5h' },
          { ...series, period: '25h' },
        ],
        partner: [],
      }),
    ).toEqual(['partner', 'apps[0].regions', 'apps[2].perid', 'exports[0].inputRegions[1]', 'exports[1].period']);
  });

  it('never repeats a value of the file', () => {
    const lines = faultsOf({
      apps: [{ ...app, android: { decryptionKey: 'hunter2' } }],
      exports: [{ name: 'hunter2 ' }],
    });
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.join()).not.toContain('hunter2');
  });

  it('says what is missing and what is wanted', () => {
    expect(faultsOf({ signingKeys: [{ name: 'main', keyId: 310 }] })).toEqual([
      'signingKeys[0].key: is missing; wants text (in quotes when it looks like something else)',
      'signingKeys[0].keyId: wants text (in quotes when it looks like something else)',
    ]);
  });
});

describe('each rule has its path', () => {
  const cases: readonly (readonly [rule: string, document: unknown, path: string])[] = [
    ['a list is a list', { apps: {} }, 'apps'],
    ['a member is a mapping', { apps: ['x'] }, 'apps[0]'],
    ['an unknown list', { app: [] }, 'app'],
    ['an unknown nested field', { partners: [{ ...partner, pull: { region: [] } }] }, 'partners[0].pull.region'],
    ['two members of one name', { signingKeys: [signingKey, signingKey] }, 'signingKeys[1].name'],
    ['two apps that differ in case', { apps: [app, { ...app, id: 'ORG.example.health' }] }, 'apps[1].id'],
    [
      'two authorities of one issuer',
      { healthAuthorities: [healthAuthority, healthAuthority] },
      'healthAuthorities[1].issuer',
    ],
    ['an app without issuers', { apps: [{ ...app, healthAuthorities: [] }] }, 'apps[0].healthAuthorities'],
    ['an issuer named twice', { apps: [{ ...app, healthAuthorities: ['a', 'a'] }] }, 'apps[0].healthAuthorities[1]'],
    ['attestation without adapters', { apps: [{ ...app, attestation: 'require' }] }, 'apps[0].attestation'],
    [
      'two exports of one root',
      { exports: [series, { ...series, name: 'b', filenameRoot: 'AA' }] },
      'exports[1].filenameRoot',
    ],
    [
      'a mirror into an export',
      { exports: [series], mirrors: [{ ...mirror, bucket: 'exports', filenameRoot: 'aa' }] },
      'mirrors[0].filenameRoot',
    ],
    ['an identity twice', { partners: [partner, { ...partner, name: 'b' }] }, 'partners[1].identity.subject'],
    [
      "a signing key with the name of our issuer's",
      { signingKeys: [{ ...signingKey, name: 'identity' }] },
      'signingKeys[0].name',
    ],
    ['a root that climbs', { exports: [{ ...series, filenameRoot: 'a/../b' }] }, 'exports[0].filenameRoot'],
    ['a root with an empty part', { exports: [{ ...series, filenameRoot: 'a//b' }] }, 'exports[0].filenameRoot'],
    ['a root with a dot part', { exports: [{ ...series, filenameRoot: 'a/./b' }] }, 'exports[0].filenameRoot'],
    ['a root with a slash at its end', { exports: [{ ...series, filenameRoot: 'a/' }] }, 'exports[0].filenameRoot'],
    ['a root with a slash at its start', { exports: [{ ...series, filenameRoot: '/a' }] }, 'exports[0].filenameRoot'],
    ['a bucket that climbs', { exports: [{ ...series, bucket: '..' }] }, 'exports[0].bucket'],
    ['no signing key', { exports: [{ ...series, signingKeys: [] }] }, 'exports[0].signingKeys'],
    ['eleven signing keys', { exports: [{ ...series, signingKeys: names(11) }] }, 'exports[0].signingKeys'],
    [
      'both traveler rules',
      { exports: [{ ...series, includeTravelers: true, onlyNonTravelers: true }] },
      'exports[0].onlyNonTravelers',
    ],
    ['a period of more than a day', { exports: [{ ...series, period: '25h' }] }, 'exports[0].period'],
    ['a period of nothing', { exports: [{ ...series, period: '0s' }] }, 'exports[0].period'],
    ['no records', { exports: [{ ...series, maxRecords: 0 }] }, 'exports[0].maxRecords'],
    ['more records than a file can hold', { exports: [{ ...series, maxRecords: 2_000_001 }] }, 'exports[0].maxRecords'],
    ['half a record', { exports: [{ ...series, maxRecords: 1.5 }] }, 'exports[0].maxRecords'],
    [
      'an end before the start',
      { exports: [{ ...series, from: '2026-01-02', thru: '2026-01-02' }] },
      'exports[0].thru',
    ],
    ['a shift that outlives keys', { exports: [{ ...series, shift: '8d' }] }, 'exports[0].shift'],
    ['a time without zone', { exports: [{ ...series, from: '2026-01-01T00:00:00' }] }, 'exports[0].from'],
    ['a day that is none', { exports: [{ ...series, from: '2026-13-01' }] }, 'exports[0].from'],
    [
      'fetch from a server that must prove itself',
      { partners: [{ ...partner, pull: { protocol: 'fetch' } }] },
      'partners[0].requireServerIdentity',
    ],
    [
      'a partner without an audience',
      { partners: [{ ...partner, identity: { issuer: 'https://a.example', subject: 's' } }] },
      'partners[0].identity.audience',
    ],
    [
      'an empty audience',
      { partners: [{ ...partner, identity: { ...partner.identity, audience: '' } }] },
      'partners[0].identity.audience',
    ],
    ['an address without port', { partners: [{ ...partner, address: 'bb.example' }] }, 'partners[0].address'],
    ['an address with port 0', { partners: [{ ...partner, address: 'bb.example:0' }] }, 'partners[0].address'],
    ['a push of nothing', { partners: [{ ...partner, push: {} }] }, 'partners[0].push.regions'],
    [
      'a region that is asked for and excluded',
      { partners: [{ ...partner, pull: { regions: ['AA', 'BB'], excludeRegions: ['CC', 'bb'] } }] },
      'partners[0].pull.excludeRegions[1]',
    ],
    ['http elsewhere', { mirrors: [{ ...mirror, indexUrl: 'http://bb.example/index.txt' }] }, 'mirrors[0].indexUrl'],
    ['a URL with a password', { imports: [{ ...source, baseUrl: 'https://a:b@cc.example/' }] }, 'imports[0].baseUrl'],
    [
      'a key version twice',
      { imports: [{ ...source, publicKeys: [...source.publicKeys, ...source.publicKeys] }] },
      'imports[0].publicKeys[1].keyVersion',
    ],
    ['a secret in the file', { apps: [{ ...app, android: android('mine') }] }, 'apps[0].android.decryptionKey'],
    [
      'a private key in the file',
      { healthAuthorities: [withKey('-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----')] },
      'healthAuthorities[0].keys[0].publicKeyPem',
    ],
    ['a name with spaces', { signingKeys: [{ ...signingKey, name: 'a b' }] }, 'signingKeys[0].name'],
  ];

  it.each(cases)('%s', (_rule, document, path) => {
    expect(pathsOf(document)).toEqual([path]);
  });

  it.each(['', 'text', [], null, 3])('refuses a document that is no mapping: %j', (document) => {
    expect(faultsOf(document)).toHaveLength(1);
  });
});

describe('the edges that are accepted', () => {
  const cases: readonly (readonly [rule: string, document: unknown])[] = [
    ['no list at all', {}],
    ['ten signing keys', { exports: [{ ...series, signingKeys: names(10) }] }],
    ['a period of a day', { exports: [{ ...series, period: '24h' }] }],
    ['a period of a second', { exports: [{ ...series, period: '1s' }] }],
    ['as many records as a file can hold', { exports: [{ ...series, maxRecords: 2_000_000 }] }],
    ['one record', { exports: [{ ...series, maxRecords: 1 }] }],
    ['a root in parts', { exports: [{ ...series, filenameRoot: 'v1/aa.b_c-d' }] }],
    ['a shift of a week', { exports: [{ ...series, shift: '7d' }] }],
    [
      'fetch from a server that need not',
      { partners: [{ ...partner, requireServerIdentity: false, pull: { protocol: 'fetch' } }] },
    ],
    ['grants of nothing', { partners: [{ ...partner, serve: { regions: [] }, accept: { regions: [] } }] }],
    [
      'a region that is granted and excluded',
      { partners: [{ ...partner, serve: { regions: ['AA'], excludeRegions: ['AA'] } }] },
    ],
    ['an IPv6 address', { partners: [{ ...partner, address: '[::1]:9092' }] }],
    ['http on this machine', { mirrors: [{ ...mirror, indexUrl: 'http://127.0.0.1:8080/index.txt' }] }],
    ['an app that needs no certificate', { apps: [{ ...app, healthAuthorities: [], bypassCertificate: true }] }],
    ['secrets by reference', { apps: [{ ...app, attestation: 'require', android: android('secret://env/KEY') }] }],
    [
      'an export and a mirror of one root in two buckets',
      { exports: [series], mirrors: [{ ...mirror, filenameRoot: 'aa' }] },
    ],
    ['a key with Windows line ends', { healthAuthorities: [withKey(makePublicKeyPem().replaceAll('\n', '\r\n'))] }],
  ];

  it.each(cases)('%s', (_rule, document) => {
    expect(faultsOf(document)).toEqual([]);
  });
});

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key-${String(index)}`);
}

function android(key: string): object {
  return {
    packageName: 'org.example.health',
    certificateDigests: [`${'A'.repeat(43)}=`],
    decryptionKey: key,
    verificationKey: 'secret://env/OTHER',
  };
}

function withKey(publicKeyPem: string): object {
  return { ...healthAuthority, keys: [{ version: 'v1', publicKeyPem }] };
}
