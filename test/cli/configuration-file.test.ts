/** Configuration files as they lie on a disk. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfigurationFile } from '../../src/cli/configuration-file.ts';
import { installationFaults } from '../../src/domain/configuration/installation.ts';
import { emptyConfiguration } from '../../src/domain/configuration/lists.ts';
import { referenceFaults } from '../../src/domain/configuration/references.ts';
import { isAuthorityCertificate, isP256PublicKey } from '../../src/server/admin/public-keys.ts';
import { makePublicKeyPem } from '../support/configuration.ts';

const sample = fileURLToPath(new URL('../../examples/authority.yaml', import.meta.url));
const pem = makePublicKeyPem();
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'enmesh-file-'));
  await mkdir(join(dataDir, 'authority'));
  await writeFile(join(dataDir, 'authority', 'public.pem'), pem);
});

afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

async function readText(text: string) {
  const path = join(dataDir, 'file.yaml');
  await writeFile(path, text);
  return await readConfigurationFile(path, { env: {}, dataDir });
}

describe('the sample', () => {
  it('suits a development installation as it stands', async () => {
    const configuration = await readConfigurationFile(sample, { env: {}, dataDir });
    const dev = {
      truncateSeconds: 5,
      maxRecords: 500_000,
      allowShortWindows: true,
      allowLoopback: true,
      isP256PublicKey,
      isAuthorityCertificate,
    };
    expect(installationFaults(configuration, dev)).toEqual([]);
    expect(referenceFaults(configuration, emptyConfiguration, true)).toEqual([]);
    expect(configuration).toMatchObject({
      healthAuthorities: [
        { issuer: 'https://verify.example.org', audience: 'enmesh-sample', keys: [{ publicKeyPem: pem }] },
      ],
      apps: [{ id: 'org.example.health', regions: ['AA'], attestation: 'off' }],
      signingKeys: [{ name: 'main', key: 'export-signing', keyId: '310', keyVersion: 'v1' }],
      exports: [{ name: 'aa', bucket: 'exports', filenameRoot: 'aa', signingKeys: ['main'] }],
      partners: [],
      mirrors: [],
      imports: [],
    });
  });
});

describe('a configuration file', () => {
  it('may say off without quotes, and name nothing at all in a list', async () => {
    const text = 'apps:\n  - { id: a, regions: [NO], bypassCertificate: true, attestation: off }\nexports:\n';
    expect((await readText(text)).apps[0]).toMatchObject({ regions: ['NO'], attestation: 'off' });
  });

  it('that is not YAML is refused with the line', async () => {
    await expect(readText('apps:\n  - id: a\n  - [')).rejects.toMatchObject({
      code: 'invalid_configuration',
      details: [expect.stringMatching(/^line 3, column \d+: /)],
    });
  });

  it('that names a field twice is refused with the line', async () => {
    await expect(readText('apps: []\napps: []\n')).rejects.toMatchObject({
      details: [expect.stringMatching(/^line 2, column 1: /)],
    });
  });

  it('that is empty is refused', async () => {
    await expect(readText('')).rejects.toMatchObject({ code: 'invalid_configuration' });
  });

  it('that is not there is refused with its name', async () => {
    await expect(readConfigurationFile('/nowhere/file.yaml', { env: {} })).rejects.toMatchObject({
      code: 'invalid_configuration',
      message: expect.stringContaining('/nowhere/file.yaml') as string,
    });
  });

  it('whose public keys are nowhere is refused with their paths and every other fault', async () => {
    const key = (path: string) => `{ version: ${path}, publicKeyPem: secret://file/${path} }`;
    const text = `healthAuthorities:
  - { issuer: i, audience: a, name: n, keys: [${key('authority/public.pem')}, ${key('authority/missing.pem')}] }
apps: [{ id: a, regions: [] }]`;
    await expect(readText(text)).rejects.toMatchObject({
      details: [
        'healthAuthorities[0].keys[1].publicKeyPem: names a secret file that does not exist: /authority/missing.pem, nor under ENMESH_DATA_DIR',
        'apps[0].regions: wants at least one region',
      ],
    });
  });

  it('does not look for public keys in the working directory unless their path says so', async () => {
    const name = relative(process.cwd(), join(dataDir, 'authority', 'public.pem'));
    const key = (path: string) =>
      `healthAuthorities: [{ issuer: i, audience: a, name: n, keys: [{ version: v, publicKeyPem: secret://file/${path}, from: 2020-01-01T00:00:00Z }] }]`;
    expect((await readText(key(name))).healthAuthorities[0]?.keys[0]?.publicKeyPem).toBe(pem);
    await expect(readText(key('package.json'))).rejects.toMatchObject({
      details: [expect.stringContaining('does not exist: /package.json')],
    });
  });

  it('takes keys from the environment that it is given', async () => {
    const text = `healthAuthorities: [{ issuer: i, audience: a, name: n, keys: [{ version: v, publicKeyPem: secret://env/KEY, from: 2020-01-01T00:00:00Z }] }]`;
    const path = join(dataDir, 'env.yaml');
    await writeFile(path, text);
    const configuration = await readConfigurationFile(path, { env: { KEY: pem } });
    expect(configuration.healthAuthorities[0]?.keys[0]?.publicKeyPem).toBe(pem);
  });

  it('that expands without end is refused', async () => {
    const lines = Array.from({ length: 12 }, (_, n) =>
      n === 0 ? 'a0: &a0 [x, x]' : `a${String(n)}: &a${String(n)} [${`*a${String(n - 1)}, `.repeat(9)}]`,
    );
    await expect(readText(lines.join('\n'))).rejects.toMatchObject({ code: 'invalid_configuration' });
  });
});
