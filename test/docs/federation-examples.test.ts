/** The two files that docs/federation.md goes through: each is a configuration, and each is the mirror of the other. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfigurationFile } from '../../src/cli/configuration-file.ts';
import { runCommand } from '../cli/run-command.ts';
import { startAdmin } from '../support/admin.ts';

let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'enmesh-examples-'));
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await mkdir(join(dataDir, 'authority'));
  await writeFile(join(dataDir, 'authority/public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
});

afterAll(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../examples/federation/${name}.yaml`, import.meta.url));

describe('examples/federation', () => {
  it.each(['aa', 'bb'])('%s.yaml is applied as it stands, and a second time changes nothing', async (name) => {
    await using admin = await startAdmin();
    const words = ['apply', '-f', pathOf(name), '--server', admin.target];
    const apply = async () => await runCommand(words, { env: { ENMESH_DATA_DIR: dataDir } });
    const first = await apply();
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toMatch(/^\+ partners (aa|bb)$/m);
    expect((await apply()).stdout).toContain('nothing to change');
  });

  it('has two partners that expect of each other what the other does', async () => {
    const surroundings = { env: {}, dataDir };
    const [bb] = (await readConfigurationFile(pathOf('aa'), surroundings)).partners;
    const [aa] = (await readConfigurationFile(pathOf('bb'), surroundings)).partners;
    expect(bb?.ourAudience).toBe(aa?.identity.audience);
    expect(aa?.ourAudience).toBe(bb?.identity.audience);
    expect(bb?.push?.regions).toEqual(aa?.accept?.regions);
    expect(bb?.pull?.regions).toEqual(aa?.serve?.regions);
    expect([bb?.accept, bb?.serve, aa?.push, aa?.pull]).toEqual([null, null, null, null]);
  });
});
