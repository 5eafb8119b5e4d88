/** `enmesh apply` against a running installation. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startAdmin } from '../support/admin.ts';
import { members, sampleDocument } from '../support/configuration.ts';
import { runCommand } from './run-command.ts';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'enmesh-apply-'));
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function file(document: unknown): Promise<string> {
  const path = join(dir, 'configuration.yaml');
  await writeFile(path, stringify(document));
  return path;
}

it('prints the plan, applies it once, and finds nothing to change the second time', async () => {
  await using admin = await startAdmin();
  const apply = async (document: unknown, ...more: string[]) =>
    await runCommand(['apply', '-f', await file(document), '--server', admin.target, ...more]);

  const planned = await apply(sampleDocument(), '--dry-run');
  expect(planned).toMatchObject({ exitCode: 0, stderr: '' });
  expect(planned.stdout).toContain('+ exports aa\n');
  expect(planned.stdout).toContain('7 changes would be made\n');

  const applied = await apply(sampleDocument());
  expect(applied.stdout).toContain('7 changes made\n');
  const again = await apply(sampleDocument(), '--prune');
  expect(again.exitCode).toBe(0);
  expect(again.stdout).toMatch(/^nothing to change\n/);

  const { healthAuthority, app } = members;
  const changed = { healthAuthorities: [healthAuthority], apps: [{ ...app, regions: ['AA', 'BB'] }] };
  expect((await apply(changed)).stdout).toBe(
    '~ apps org.example.health regions: ["AA"] → ["AA","BB"]\n1 change made\n',
  );
  expect((await apply(changed, '--prune')).stdout).toContain('- exports aa\n');
});

it('warns of what is not wise, in the plan and when applying, as text and as JSON', async () => {
  await using admin = await startAdmin();
  const path = await file({ ...sampleDocument(), exports: [{ ...members.series, excludeRegions: ['AA'] }] });
  const warning = 'exports[0].excludeRegions: names every region that goes in: none of their keys is exported';
  for (const more of [['--dry-run'], []]) {
    const apply = async (...words: string[]) =>
      await runCommand(['apply', '-f', path, '--server', admin.target, ...more, ...words]);
    const text = await apply();
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toContain(`warning: ${warning}\n`);
    expect(JSON.parse((await apply('--json')).stdout)).toMatchObject({ warnings: [warning] });
  }
});

it('prints the changes as JSON', async () => {
  await using admin = await startAdmin();
  const path = await file({ signingKeys: [members.signingKey] });
  const { stdout } = await runCommand(['apply', '-f', path, '--server', admin.target, '--json', '--dry-run']);
  expect(JSON.parse(stdout)).toMatchObject({
    dryRun: true,
    changes: [
      {
        action: 'create',
        list: 'signingKeys',
        name: 'main',
        fields: expect.arrayContaining([{ path: 'keyId', before: null, after: '310' }]) as unknown,
      },
    ],
  });
});

it('ends with 2 for a wrong file, with a line for each fault', async () => {
  await using admin = await startAdmin();
  const path = await file({
    apps: [{ ...members.app, healthAuthorities: ['x'] }],
    exports: [{ ...members.series, period: '1h' }],
  });
  const { exitCode, stdout, stderr } = await runCommand(['apply', '-f', path, '--server', admin.target]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  for (const at of ['exports[0].period', 'exports[0].signingKeys[0]', 'apps[0].healthAuthorities[0]']) {
    expect(stderr).toContain(`  ${at}: `);
  }
  expect(await runCommand(['apply', '--server', admin.target])).toMatchObject({ exitCode: 2 });
});

it('ends with 1 when nothing answers', async () => {
  const path = await file({ signingKeys: [members.signingKey] });
  const { exitCode, stderr } = await runCommand(['apply', '-f', path, '--server', '127.0.0.1:1']);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('127.0.0.1:1');
});
