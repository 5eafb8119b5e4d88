/** A configuration document as a file would hold it, for tests to change. */
import { generateKeyPairSync } from 'node:crypto';

/** SPKI PEM of a new key on a curve. */
export function makePublicKeyPem(namedCurve = 'P-256'): string {
  return generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

/** Members with only what must be there; a test spreads its own fields over one. */
export const members = {
  healthAuthority: {
    issuer: 'https://verify.example.org',
    audience: 'enmesh-sample',
    name: 'Example Health',
    keys: [{ version: 'v1', publicKeyPem: makePublicKeyPem(), from: '2026-01-01T00:00:00Z', thru: null }],
  },
  app: { id: 'org.example.health', regions: ['AA'], healthAuthorities: ['https://verify.example.org'] },
  signingKey: { name: 'main', key: 'export-signing', keyId: '310' },
  series: { name: 'aa', bucket: 'exports', filenameRoot: 'aa', outputRegion: 'AA', signingKeys: ['main'] },
  partner: {
    name: 'bb',
    address: 'federation.bb.example:443',
    identity: { issuer: 'https://id.bb.example', subject: 'federation', audience: 'https://aa.example' },
    ourAudience: 'https://bb.example',
    serve: { regions: ['AA'] },
    pull: { regions: ['BB'] },
    accept: { regions: ['BB'] },
    push: { regions: ['AA'] },
  },
  mirror: {
    name: 'aa-mirror',
    indexUrl: 'https://bb.example/index.txt',
    baseUrl: 'https://bb.example/',
    bucket: 'mirror',
    filenameRoot: 'aa-mirror',
  },
  source: {
    name: 'cc',
    indexUrl: 'https://cc.example/index.txt',
    baseUrl: 'https://cc.example/',
    region: 'CC',
    publicKeys: [{ keyId: '310', publicKeyPem: makePublicKeyPem(), from: '2026-01-01T00:00:00Z' }],
  },
};

/** One member in every list. */
export function sampleDocument(): Record<string, unknown> {
  return structuredClone({
    healthAuthorities: [members.healthAuthority],
    apps: [members.app],
    signingKeys: [members.signingKey],
    exports: [members.series],
    partners: [members.partner],
    mirrors: [members.mirror],
    imports: [members.source],
  });
}
