/** A phone of the command line against a running installation, and the explanation of what it sent. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Playground } from '../support/enmesh.ts';

let playground: Playground;

beforeAll(async () => {
  playground = await Playground.open({ ENMESH_ENABLE_V1ALPHA1_API: 'true' });
  await playground.start(['dev']).prints(/^ready$/m);
}, 120_000);

afterAll(async () => {
  await playground[Symbol.asyncDispose]();
});

/** Runs `enmesh publish --json` and gives its answer. */
async function publish(...options: string[]): Promise<{ code: number | null; answer: Record<string, unknown> }> {
  const { code, stdout, stderr } = await playground.run('publish', '--json', ...options);
  if (stdout === '') throw new Error(stderr);
  return { code, answer: JSON.parse(stdout) as Record<string, unknown> };
}

async function bodyFile(name: string, ...options: string[]): Promise<string> {
  const { stdout } = await playground.run('publish', '--dry-run', ...options);
  const file = join(playground.dataDir, name);
  await writeFile(file, stdout);
  return file;
}

describe('a phone of the command line', { timeout: 120_000 }, () => {
  it('publishes and revises with the keys and the token that it kept', async () => {
    expect(await publish('--keys', '3', '--report-type', 'likely', '--save')).toMatchObject({
      code: 0,
      answer: { status: 200, insertedExposures: 3 },
    });
    const revised = await publish('--revise', '--report-type', 'confirmed', '--onset-days-ago', '2', '--traveler');
    expect(revised).toMatchObject({ code: 0, answer: { status: 200, insertedExposures: 0, code: '' } });
    const again = await publish('--revise', '--report-type', 'negative');
    expect(again).toMatchObject({ code: 1, answer: { status: 400, code: 'key_already_revised' } });
  });

  it('publishes as the first apps did, with every report type, and sends chaff', async () => {
    const old = await publish('--keys', '2', '--v1alpha1', '--region', 'AA', '--platform', 'android');
    expect(old).toMatchObject({ code: 0, answer: { status: 200, insertedExposures: 2 } });
    for (const type of ['confirmed', 'likely', 'user-report']) {
      const sent = await publish(
        '--keys',
        '1',
        '--report-type',
        type,
        '--transmission-risk',
        'none',
        '--hmac-fields',
        '3',
      );
      expect(sent.answer).toMatchObject({ status: 200, insertedExposures: 1 });
    }
    expect((await publish('--keys', '1', '--report-type', 'negative')).answer).toMatchObject({ insertedExposures: 0 });
    expect((await publish('--chaff')).answer).toMatchObject({ status: 200, chaff: true });
  });
});

describe('enmesh explain publish', { timeout: 120_000 }, () => {
  it('tells beforehand what the publish is answered, and afterwards that it was', async () => {
    const file = await bodyFile('good.json', '--keys', '2');
    const explained = await playground.run('explain', 'publish', file);
    expect(explained).toMatchObject({ code: 0, stderr: '' });
    expect(explained.stdout).toContain('answer: 200\n2 keys new, 0 revised\n');
    expect((await publish('--body', file)).answer).toMatchObject({ status: 200, insertedExposures: 2 });
    const afterwards = await playground.run('explain', 'publish', file);
    expect(afterwards.stdout).toContain('2 keys new, 0 revised the first time; nothing would be written now\n');
  });

  it('marks where a refused publish ends, and ends with 1', async () => {
    const file = await bodyFile('late.json', '--keys', '2');
    const explained = await playground.run('explain', 'publish', file, '--at', '2020-01-01T00:00:00Z');
    expect(explained.code).toBe(1);
    const lines = explained.stdout.split('\n');
    const end = lines.findIndex((line) => line.includes("the phone's request ends here"));
    expect(lines.slice(0, end).filter((line) => line.startsWith('REFUSED'))).toHaveLength(1);
    expect(explained.stdout).toContain('answer: 401 health_authority_verification_certificate_invalid\n');
    const json = await playground.run('explain', 'publish', file, '--at', '2020-01-01T00:00:00Z', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ answer: { status: 401 } });
  });

  it('promises nothing below where nothing could be read', async () => {
    const file = join(playground.dataDir, 'cut.json');
    await writeFile(file, '{"padding":"x",');
    const explained = await playground.run('explain', 'publish', file);
    expect(explained.stdout).toMatch(/^=+ {3}the phone's request ends here\n\nanswer: 400 bad_request$/m);
  });

  it('reads a v1alpha1 body by its own rules', async () => {
    const file = await bodyFile('old.json', '--keys', '1', '--v1alpha1', '--region', 'ZZ');
    const explained = await playground.run('explain', 'publish', file, '--v1alpha1');
    expect(explained.code).toBe(1);
    expect(explained.stdout).toMatch(
      /^REFUSED {3}regions\n +verifying allowed regions: app \S+ tried to write to unauthorized region ZZ$/m,
    );
    expect((await publish('--body', file, '--v1alpha1')).answer).toMatchObject({ status: 401 });
  });

  it('ends with 2 for words that it does not understand, and for a file that is not there', async () => {
    expect((await playground.run('explain', 'publish', '/nowhere.json')).stderr).toContain(
      '/nowhere.json cannot be read',
    );
    const wrong = await playground.run('explain', 'publish', '/nowhere.json', '--at', 'noon');
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toContain('It wants a time with its zone');
  });
});
