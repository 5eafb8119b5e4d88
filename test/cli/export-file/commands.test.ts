/** The two commands as a person runs them: on paths, on URLs, on a whole index. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { showCommand, verifyCommand } from '../../../src/cli/export-file/commands.ts';
import { sampleRow, sampleSigner, sampleZip, temporaryFolder } from '../../support/export-file.ts';
import { runAlone } from './command.ts';

const signer = sampleSigner();
const files = new Map<string, Buffer>();
const folder = await temporaryFolder();
const publicKey = join(folder.path, 'public.pem');
const server = createServer((request, response) => {
  const body = files.get(request.url ?? '');
  response.writeHead(body === undefined ? 404 : 200).end(body);
});
let origin = '';

beforeAll(async () => {
  await writeFile(publicKey, signer.publicKeyPem);
  const hour = (number: number): Date => new Date(Date.UTC(2020, 4, 20, number));
  const first = await sampleZip({
    header: { startTimestamp: hour(0), endTimestamp: hour(1) },
    rows: [sampleRow(1), sampleRow(2)],
    signers: [signer],
  });
  const second = await sampleZip({
    header: { startTimestamp: hour(1), endTimestamp: hour(2) },
    rows: [sampleRow(3)],
    revisedRows: [sampleRow(1, { reportType: 5, onset: null })],
    signers: [signer],
  });
  const withdrawing = (start: number): Promise<Buffer> =>
    sampleZip({
      header: { startTimestamp: hour(start), endTimestamp: hour(start + 1) },
      rows: [],
      revisedRows: [sampleRow(1, { reportType: 5, onset: null })],
      signers: [signer],
    });
  files.set('/exports/aa/1-2-00001.zip', first);
  files.set('/exports/aa/2-3-00001.zip', second);
  files.set('/exports/aa/index.txt', Buffer.from('aa/1-2-00001.zip\naa/2-3-00001.zip'));
  files.set('/exports/twice/index.txt', Buffer.from('aa/1-2-00001.zip\naa/1-2-00001.zip'));
  files.set('/exports/aa/3-4-00001.zip', await withdrawing(2));
  files.set('/exports/aa/4-5-00001.zip', await withdrawing(3));
  const revised = 'aa/1-2-00001.zip\naa/2-3-00001.zip';
  files.set('/exports/withdrawn/index.txt', Buffer.from(`${revised}\naa/3-4-00001.zip`));
  files.set('/exports/withdrawn-twice/index.txt', Buffer.from(`${revised}\naa/3-4-00001.zip\naa/4-5-00001.zip`));
  files.set('/exports/foreign/index.txt', Buffer.from('../../etc/passwd.zip'));
  files.set('/exports/lost/index.txt', Buffer.from('aa/1-2-00001.zip\naa/9-9-00001.zip'));
  files.set('/exports/deep/aa/2-3-00001.zip', second);
  files.set('/exports/deep/aa/index.txt', Buffer.from('aa/1-2-00001.zip\ndeep/aa/2-3-00001.zip'));
  files.set('/exports/empty/index.txt', Buffer.alloc(0));
  files.set('/exports/large/index.txt', Buffer.alloc(1024 * 1024 + 1, 'a'));
  const keys = [{ keyId: '310', keyVersion: 'v1', publicKeyPem: signer.publicKeyPem, from: null, thru: null }];
  files.set('/exports/aa/keys.json', Buffer.from(JSON.stringify({ keys })));
  await mkdir(join(folder.path, 'aa'));
  await writeFile(join(folder.path, 'aa', '1-2-00001.zip'), first);
  await writeFile(join(folder.path, 'aa', '2-3-00001.zip'), second);
  await writeFile(join(folder.path, 'aa', 'index.txt'), 'aa/1-2-00001.zip\naa/2-3-00001.zip');
  await mkdir(join(folder.path, 'deep', 'aa'), { recursive: true });
  await writeFile(join(folder.path, 'deep', 'aa', '2-3-00001.zip'), second);
  await writeFile(join(folder.path, 'deep', 'aa', 'index.txt'), 'deep/aa/2-3-00001.zip');
  await once(server.listen(0, '127.0.0.1'), 'listening');
  origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});

afterAll(async () => {
  server.close();
  await folder[Symbol.asyncDispose]();
});

const verify = (...words: readonly string[]): ReturnType<typeof runAlone> => runAlone(verifyCommand, words);

describe('verify', () => {
  it('verifies everything that an index URL lists, and says so', async () => {
    const ended = await verify(`${origin}/exports/aa/index.txt`, '--public-key', `310/v1=${publicKey}`);
    expect(ended.thrown).toBeUndefined();
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout.split('\n')).toEqual([
      `ok    ${origin}/exports/aa/1-2-00001.zip: 2 keys, 0 revised keys, 2020-05-20T00:00:00Z to 2020-05-20T01:00:00Z, AA, signed by 310/v1 (verified)`,
      `ok    ${origin}/exports/aa/2-3-00001.zip: 1 key, 1 revised key, 2020-05-20T01:00:00Z to 2020-05-20T02:00:00Z, AA, signed by 310/v1 (verified)`,
      '2 files, 3 keys, 1 revised key: no faults',
      '',
    ]);
  });

  it('takes an index on the disk, its keys from keys.json, and prints JSON', async () => {
    const index = join(folder.path, 'aa', 'index.txt');
    const ended = await verify(index, '--public-key', `${origin}/exports/aa/keys.json`, '--json');
    expect(ended.exitCode).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      files: [
        { file: join(folder.path, 'aa/1-2-00001.zip'), faults: [], summary: { keys: 2 } },
        {
          faults: [],
          summary: { revisedKeys: 1, signatures: [{ keyId: '310', keyVersion: 'v1', verdict: 'verified' }] },
        },
      ],
    });
  });

  it('takes zips by path and by URL, and a base of its own for an index', async () => {
    const zips = [join(folder.path, 'aa', '1-2-00001.zip'), `${origin}/exports/aa/2-3-00001.zip`];
    expect(await verify(...zips, '--public-key', publicKey)).toMatchObject({ exitCode: 0, thrown: undefined });
    const index = join(folder.path, 'aa', 'index.txt');
    const ended = await verify(index, '--public-key', publicKey, '--base', `${origin}/exports`);
    expect(ended).toMatchObject({ exitCode: 0, thrown: undefined });
    expect(ended.stdout).toContain(`ok    ${origin}/exports/aa/1-2-00001.zip`);
  });

  it.each(['/exports/deep/aa/index.txt', 'deep/aa/index.txt'])(
    'finds the files of a root of several parts: %s',
    async (index) => {
      const location = index.startsWith('/') ? `${origin}${index}` : join(folder.path, index);
      const ended = await verify(location, '--public-key', publicKey);
      expect(ended.stdout).toContain(`ok    ${location.replace('index.txt', '2-3-00001.zip')}`);
      expect(ended).toMatchObject({ exitCode: 0, thrown: undefined });
    },
  );

  it('takes an index with a key that was revised, and withdrawn later', async () => {
    const ended = await verify(`${origin}/exports/withdrawn/index.txt`, '--public-key', publicKey);
    expect(ended).toMatchObject({ exitCode: 0, thrown: undefined });
    expect(ended.stdout).toMatch(/3 files, 3 keys, 2 revised keys: no faults\n$/);
  });

  it('is content with an empty index', async () => {
    const ended = await verify(`${origin}/exports/empty/index.txt`, '--public-key', publicKey);
    expect(ended).toMatchObject({ exitCode: 0, stdout: '0 files, 0 keys, 0 revised keys: no faults\n' });
  });

  it('ends with 1 and names the file and its fault', async () => {
    const other = join(folder.path, 'other.pem');
    await writeFile(other, sampleSigner().publicKeyPem);
    const zip = join(folder.path, 'aa', '1-2-00001.zip');
    const ended = await verify(zip, join(folder.path, 'none.zip'), '--public-key', `310/v1=${other}`);
    expect(ended.exitCode).toBe(1);
    expect(ended.stdout).toContain(`FAULT ${zip}: 2 keys`);
    expect(ended.stdout).toContain('\n      signature 310/v1: is wrong\n');
    expect(ended.stdout).toContain(`FAULT ${join(folder.path, 'none.zip')}\n`);
    expect(ended.stdout).toContain('ENOENT');
    expect(ended.stdout).toMatch(/2 files, 2 keys, 0 revised keys: faults in 2 files\n$/);
  });

  it.each([
    ['twice', 'the index names a file twice'],
    ['withdrawn-twice', 'revised key 1: stands in '],
    ['foreign', 'a line of the index is no name of a zip'],
    ['lost', 'the server answered 404'],
    ['none', 'the server answered 404'],
    ['large', 'more than 1048576 bytes'],
  ])('ends with 1 for an index that is wrong: %s', async (root, fault) => {
    const ended = await verify(`${origin}/exports/${root}/index.txt`, '--public-key', publicKey);
    expect(ended).toMatchObject({ exitCode: 1, thrown: undefined });
    expect(ended.stdout).toContain(fault);
  });

  it('is a fault, not a crash, when nobody answers', async () => {
    const ended = await verify('http://127.0.0.1:1/exports/aa/index.txt', '--public-key', publicKey);
    expect(ended).toMatchObject({ exitCode: 1, thrown: undefined });
    expect(ended.stdout).toContain('cannot be read');
  });

  it('is wrong usage without a public key, without a file, or with a key that is none', async () => {
    const zip = join(folder.path, 'aa', '1-2-00001.zip');
    expect((await verify(zip)).thrown).toBeInstanceOf(CommanderError);
    expect((await verify('--public-key', publicKey)).thrown).toBeInstanceOf(CommanderError);
    expect((await verify(zip, '--public-key', zip)).thrown).toMatchObject({ code: 'invalid_usage' });
  });
});

describe('show', () => {
  it('prints the content as tables', async () => {
    const ended = await runAlone(showCommand, [join(folder.path, 'aa', '2-3-00001.zip')]);
    expect(ended.thrown).toBeUndefined();
    expect(ended.stdout).toContain('window      2020-05-20T01:00:00Z to 2020-05-20T02:00:00Z\nregion      AA\n');
    expect(ended.stdout).toMatch(/signature {3}310\/v1 [A-Za-z0-9+/]+=*\n/);
    const key = sampleRow(3).key.toString('base64');
    expect(ended.stdout).toMatch(
      new RegExp(`1 key\\n.*\\n${key.replace(/[+/]/g, '.')} +2649456 +144 +2 +confirmed +3\\n`),
    );
    expect(ended.stdout).toMatch(/1 revised key\n.*\n.* negative +-\n$/);
  });

  it('prints JSON with keys in base64, and no onset where there is none', async () => {
    const ended = await runAlone(showCommand, [`${origin}/exports/aa/2-3-00001.zip`, '--json']);
    const shown = JSON.parse(ended.stdout);
    expect(shown).toMatchObject({ startTimestamp: 1_589_936_400, region: 'AA', batchNum: 1, batchSize: 1 });
    expect(shown.keys).toEqual([
      {
        key: sampleRow(3).key.toString('base64'),
        rollingStart: 2_649_456,
        rollingPeriod: 144,
        transmissionRisk: 2,
        reportType: 'confirmed',
        daysSinceOnset: 3,
      },
    ]);
    expect(shown.revisedKeys[0]).not.toHaveProperty('daysSinceOnset');
  });

  it('fails for a file that is none, saying why', async () => {
    expect((await runAlone(showCommand, [publicKey])).thrown).toMatchObject({
      code: 'export_file_invalid',
      message: expect.stringContaining(`${publicKey}: is no zip that can be read`),
    });
  });
});
