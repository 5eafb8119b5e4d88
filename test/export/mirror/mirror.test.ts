/** A mirror against a real server: what is copied and listed, what is not, and how it goes on after faults. Reference 6.3. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { describe, expect, it } from 'vitest';
import { sampleRow, sampleSigner, sampleZip } from '../../support/export-file.ts';
import { openMirrorRole, type MirrorRole } from '../../support/mirror.ts';
import { startUpstream, type Upstream } from '../../support/upstream.ts';

const signer = sampleSigner();
const [first, second, third] = await Promise.all(
  [1, 2, 3].map(async (number) => await sampleZip({ rows: [sampleRow(number)], signers: [signer] })),
);
const files = { 'aa/1-2-00001.zip': first!, 'aa/2-3-00001.zip': second! };
const daySeconds = 86_400;

/** A mirror of a server with two files. */
async function mirrored(): Promise<AsyncDisposable & { upstream: Upstream; role: MirrorRole; id: number }> {
  const upstream = await startUpstream(files);
  const role = await openMirrorRole();
  const id = await role.add(upstream);
  return {
    upstream,
    role,
    id,
    [Symbol.asyncDispose]: async () => {
      await upstream[Symbol.asyncDispose]();
      await role[Symbol.asyncDispose]();
    },
  };
}

describe('a mirror', () => {
  it('copies what the index lists, unchanged, and lists it in the same order under its own root', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.index = ['aa/2-3-00001.zip', 'aa/1-2-00001.zip'];
    expect(await role.run(id)).toBe('completed');
    expect((await role.read('m/index.txt'))?.toString()).toBe('m/2-3-00001.zip\nm/1-2-00001.zip');
    expect(await role.read('m/1-2-00001.zip')).toEqual(first);
    expect(await role.read('m/2-3-00001.zip')).toEqual(second);
    expect(await role.state(id)).toMatchObject({
      listedFiles: 2,
      mirroredFiles: 2,
      copiedFiles: 2,
      failedFiles: 0,
      completedAt: role.deps.clock.now(),
      lastError: null,
      isRunning: false,
    });
    expect(await readdir(role.deps.settings.spoolDir)).toEqual([]);
  });

  it('fetches nothing a second time, and writes its index once per change', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    const written = await role.deps.blobStore.stat({ bucket: 'mirror', name: 'm/index.txt' });
    upstream.requests.length = 0;
    await role.run(id);
    expect(upstream.requests).toEqual(['/index.txt']);
    expect(await role.deps.blobStore.stat({ bucket: 'mirror', name: 'm/index.txt' })).toEqual(written);
    expect(await role.state(id)).toMatchObject({ copiedFiles: 0, mirroredFiles: 2 });
  });

  it('is empty where the other authority has published nothing yet', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.index = [];
    expect(await role.run(id)).toBe('completed');
    expect(await role.index()).toEqual([]);
  });

  it('tells caches to keep its files, and never its index', async () => {
    await using all = await mirrored();
    const { role, id } = all;
    const puts = new Map<string, string>();
    const { blobStore } = role.deps;
    const watched = Object.assign(Object.create(blobStore) as typeof blobStore, {
      put: async (...args: Parameters<typeof blobStore.put>) => {
        puts.set(args[0].name, `${args[2].contentType}; ${args[2].cacheControl}; ${String(args[2].onlyIfAbsent)}`);
        return await blobStore.put(...args);
      },
    });
    Object.assign(role.deps, { blobStore: watched });
    await role.run(id);
    expect(Object.fromEntries(puts)).toEqual({
      'm/1-2-00001.zip': 'application/zip; public, max-age=86400; true',
      'm/2-3-00001.zip': 'application/zip; public, max-age=86400; true',
      'm/index.txt': 'text/plain; no-cache, max-age=0; false',
    });
  });

  it('joins lines to the base URL with one slash, and drops blank lines and carriage returns', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.index = ['/aa/1-2-00001.zip\r', '', '  ', '//aa/2-3-00001.zip', 'aa/1-2-00001.zip'];
    await role.run(id);
    expect(upstream.requests).toEqual(['/index.txt', '/base/aa/1-2-00001.zip', '/base/aa/2-3-00001.zip']);
    expect(await role.index()).toEqual(['m/1-2-00001.zip', 'm/2-3-00001.zip']);
  });

  it('takes the query of the base URL along, such as a signature that lets us read', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.deps.database.query('update mirrors set base_url = $1', [`${upstream.baseUrl}?sig=abc`]);
    await role.run(id);
    expect(upstream.requests.slice(1)).toEqual(['/base/aa/1-2-00001.zip?sig=abc', '/base/aa/2-3-00001.zip?sig=abc']);
  });

  it('gives files of the same name in two folders a name each, and each keeps its own', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.files.set('bb/1-2-00001.zip', third!);
    upstream.index = ['aa/1-2-00001.zip', 'bb/1-2-00001.zip'];
    await role.run(id);
    const hash = createHash('sha256').update('bb/1-2-00001.zip').digest('hex').slice(0, 12);
    expect(await role.index()).toEqual(['m/1-2-00001.zip', `m/1-2-00001-${hash}.zip`]);
    expect(await role.read(`m/1-2-00001-${hash}.zip`)).toEqual(third);
    upstream.index = ['bb/1-2-00001.zip'];
    await role.run(id);
    expect(await role.index()).toEqual([`m/1-2-00001-${hash}.zip`]);
  });

  it.each([
    '../secret.zip',
    'aa/../../secret.zip',
    'https://elsewhere.example/x.zip',
    'aa/x.zip?y=z',
    'aa/%2e%2e/x.zip',
    'aa\\..\\x.zip',
    'index.txt',
    `${'a'.repeat(600)}.zip`,
  ])('refuses the line %s alone, and asks for nothing of it', async (line) => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.index = ['aa/1-2-00001.zip', line, 'aa/2-3-00001.zip'];
    expect(await role.run(id)).toBe('completed');
    expect(upstream.requests).toEqual(['/index.txt', '/base/aa/1-2-00001.zip', '/base/aa/2-3-00001.zip']);
    expect(await role.index()).toEqual(['m/1-2-00001.zip', 'm/2-3-00001.zip']);
    expect(await role.state(id)).toMatchObject({
      listedFiles: 3,
      mirroredFiles: 2,
      failedFiles: 1,
      lastError: 'lines of the index that name no zip below the base URL: 1',
    });
  });
});

describe('an index of another authority', () => {
  const faults: [string, RequestListener, string][] = [
    ['answers 404', (_request, response) => response.writeHead(404).end('x.zip'), 'the index answers with status 404'],
    ['answers 500', (_request, response) => response.writeHead(500).end('x.zip'), 'the index answers with status 500'],
    ['answers 204', (_request, response) => response.writeHead(204).end(), 'the index answers with status 204'],
    [
      'redirects',
      (_request, response) => response.writeHead(302, { location: '/other.txt' }).end(),
      'the index answers with status 302; redirects are not followed, so set indexUrl to where it leads',
    ],
    [
      'is a page',
      (_request, response) => response.end('<html>\n<body>out of order</body>'),
      'no line of the index names a zip below the base URL',
    ],
    [
      'is cut',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('aa/1-2-00001.zip\n', () => response.destroy());
      },
      'the index cannot be read (UND_ERR_SOCKET)',
    ],
    [
      'is packed',
      (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      'the index comes compressed for the way, which was not asked for',
    ],
  ];

  it.each(faults)('that %s changes nothing', async (_what, listener, lastError) => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    const before = await role.index();
    upstream.index = listener;
    expect(await role.run(id)).toBe('failed');
    expect(await role.run(id)).toBe('failed');
    expect(await role.index()).toEqual(before);
    expect(await role.state(id)).toMatchObject({ listedFiles: 2, mirroredFiles: 2, lastError });
    upstream.index = Object.keys(files);
    expect(await role.run(id)).toBe('completed');
    expect(await role.state(id)).toMatchObject({ lastError: null });
  });

  it('of the largest size is read, and one of a byte more is not', async () => {
    await using upstream = await startUpstream(files);
    const maxIndexBytes = Object.keys(files).join('\n').length;
    await using role = await openMirrorRole({ maxIndexBytes });
    const id = await role.add(upstream);
    expect(await role.run(id)).toBe('completed');
    upstream.index = (_request, response) => response.end(`${Object.keys(files).join('\n')}\n`);
    expect(await role.run(id)).toBe('failed');
    expect((await role.state(id)).lastError).toMatch(/^the index is larger than/);
  });

  it('that stops coming is given up after a time', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    Object.assign(role.deps.settings.download, { indexTimeoutMs: 200 });
    upstream.index = (_request, response) => void response.write('aa/');
    const id = await role.add(upstream);
    expect(await role.run(id)).toBe('failed');
    expect(await role.state(id)).toMatchObject({
      lastError: 'the index took longer than ENMESH_DOWNLOAD_INDEX_TIMEOUT',
      completedAt: null,
    });
    expect(await role.index()).toBeNull();
  });

  it('on a private address is not asked for', async () => {
    await using all = await mirrored();
    const { upstream, role } = all;
    const places = { ca: undefined, allowPrivateAddresses: false, allowLoopback: false };
    Object.assign(role.deps.settings.download, { places });
    const id = await role.add({ ...upstream, indexUrl: 'https://10.0.0.1/index.txt' }, { name: 'private' });
    expect(await role.run(id)).toBe('failed');
    expect((await role.state(id)).lastError).toMatch(/^indexUrl leads to an address that is not public/);
  });

  it('that could not be read is asked again after growing pauses, and at once by an operator', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.index = (_request, response) => response.writeHead(503).end();
    const tryLater = async (seconds: number): Promise<string> => {
      role.deps.clock.advance(seconds * 1000);
      return await role.run(id, { ignoreBackOff: false });
    };
    expect(await tryLater(0)).toBe('failed');
    expect(await tryLater(4)).toBe('taken');
    expect(await tryLater(1)).toBe('failed');
    expect(await tryLater(5)).toBe('taken');
    expect(await role.run(id)).toBe('failed');
  });
});

describe('a file of another authority', () => {
  const bad: [string, (good: Buffer) => Uint8Array | RequestListener, string][] = [
    ['is missing', () => (_request, response) => response.writeHead(404).end(), 'answers with status 404'],
    ['is too large', () => Buffer.alloc(1024 * 1024 + 1), 'is larger than 1024 KiB'],
    [
      'redirects',
      () => (_request, response) => response.writeHead(301, { location: '/base/aa/2-3-00001.zip' }).end(),
      'answers with status 301; redirects are not followed, so set baseUrl to where it leads',
    ],
    [
      'breaks off',
      (good) => (_request, response) => {
        response.writeHead(200, { 'content-length': good.length });
        response.write(good.subarray(0, 50), () => response.destroy());
      },
      'cannot be read (UND_ERR_SOCKET)',
    ],
    ['is cut short', (good) => good.subarray(0, good.length - 1), 'is not all of a zip with an export in it'],
    ['is a page', () => Buffer.from('<html>out of order</html>'), 'is not all of a zip with an export in it'],
    ['is empty', () => Buffer.alloc(0), 'is not all of a zip with an export in it'],
  ];

  it.each(bad)('that %s keeps no other, and is taken when it is good', async (_what, make, reason) => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.files.set('aa/1-2-00001.zip', make(first!));
    expect(await role.run(id)).toBe('completed');
    expect(await role.index()).toEqual(['m/2-3-00001.zip']);
    expect(await role.objects()).toEqual(['m/2-3-00001.zip', 'm/index.txt']);
    expect(await role.state(id)).toMatchObject({
      mirroredFiles: 1,
      failedFiles: 1,
      lastError: `aa/1-2-00001.zip: the file ${reason}`,
    });
    expect(await readdir(role.deps.settings.spoolDir)).toEqual([]);
    upstream.files.set('aa/1-2-00001.zip', first!);
    await role.run(id);
    expect(await role.index()).toEqual(['m/1-2-00001.zip', 'm/2-3-00001.zip']);
    expect(await role.state(id)).toMatchObject({ failedFiles: 0, lastError: null });
  });

  it('that could not be copied waits for a growing time', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    upstream.files.delete('aa/1-2-00001.zip');
    const asked = async (seconds: number): Promise<number> => {
      role.deps.clock.advance(seconds * 1000);
      upstream.requests.length = 0;
      await role.run(id, { ignoreBackOff: false });
      return upstream.requests.filter((path) => path === '/base/aa/1-2-00001.zip').length;
    };
    expect([await asked(0), await asked(4), await asked(1), await asked(9), await asked(1)]).toEqual([1, 0, 1, 0, 1]);
  });

  it('that takes too long is given up, and the next is copied', async () => {
    await using upstream = await startUpstream(files);
    await using role = await openMirrorRole();
    Object.assign(role.deps.settings.download, { fileTimeoutMs: 200 });
    upstream.files.set('aa/1-2-00001.zip', (_request, response) => void response.write('PK'));
    const id = await role.add(upstream);
    await role.run(id);
    expect(await role.index()).toEqual(['m/2-3-00001.zip']);
    expect((await role.state(id)).lastError).toBe(
      'aa/1-2-00001.zip: the file took longer than ENMESH_DOWNLOAD_FILE_TIMEOUT',
    );
  });

  it('never overwrites another object of its name', async () => {
    await using all = await mirrored();
    const { role, id } = all;
    const options = { contentType: 'application/zip', cacheControl: '', onlyIfAbsent: true };
    await role.deps.blobStore.put({ bucket: 'mirror', name: 'm/1-2-00001.zip' }, third!, options);
    await role.run(id);
    expect(await role.read('m/1-2-00001.zip')).toEqual(third);
    expect(await role.index()).toEqual(['m/2-3-00001.zip']);
    expect((await role.state(id)).lastError).toBe(
      'aa/1-2-00001.zip: another file lies in the bucket under its name, and is never overwritten',
    );
  });
});

describe('a file that left the index', () => {
  it('leaves ours at once, stays readable for a day, and is deleted then', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    upstream.index = ['aa/2-3-00001.zip'];
    await role.run(id);
    expect(await role.index()).toEqual(['m/2-3-00001.zip']);
    role.deps.clock.advance((daySeconds - 1) * 1000);
    await role.run(id);
    expect(await role.read('m/1-2-00001.zip')).toEqual(first);
    role.deps.clock.advance(1000);
    await role.run(id);
    expect(await role.read('m/1-2-00001.zip')).toBeNull();
    expect(await role.state(id)).toMatchObject({ deletedFiles: 1, listedFiles: 1 });
  });

  it('is not deleted before our index was written without it', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    upstream.index = ['aa/2-3-00001.zip'];
    const { blobStore } = role.deps;
    const broken = Object.assign(Object.create(blobStore) as typeof blobStore, {
      put: () => Promise.reject(new Error('no answer')),
    });
    Object.assign(role.deps, { blobStore: broken });
    expect(await role.run(id)).toBe('failed');
    role.deps.clock.advance(2 * daySeconds * 1000);
    Object.assign(role.deps, { blobStore });
    expect(await role.run(id)).toBe('completed');
    expect(await role.index()).toEqual(['m/2-3-00001.zip']);
    expect(await role.read('m/1-2-00001.zip')).toEqual(first);
  });

  it('is listed again without being fetched when it comes back in time', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    upstream.index = ['aa/2-3-00001.zip'];
    await role.run(id);
    upstream.index = Object.keys(files);
    upstream.requests.length = 0;
    await role.run(id);
    expect(upstream.requests).toEqual(['/index.txt']);
    role.deps.clock.advance(2 * daySeconds * 1000);
    await role.run(id);
    expect(await role.index()).toEqual(['m/1-2-00001.zip', 'm/2-3-00001.zip']);
    expect(await role.read('m/1-2-00001.zip')).toEqual(first);
  });

  it('with all others leaves ours only when the index says so twice', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    upstream.index = [];
    await role.run(id);
    expect(await role.index()).toHaveLength(2);
    upstream.index = Object.keys(files);
    await role.run(id);
    upstream.index = [];
    await role.run(id);
    expect(await role.index()).toHaveLength(2);
    await role.run(id);
    expect(await role.index()).toEqual([]);
  });

  it('with all others stays before what is new until the index says so twice', async () => {
    await using all = await mirrored();
    const { upstream, role, id } = all;
    await role.run(id);
    upstream.files.set('bb/3-4-00001.zip', third!);
    upstream.index = ['bb/3-4-00001.zip'];
    await role.run(id);
    expect(await role.index()).toEqual(['m/1-2-00001.zip', 'm/2-3-00001.zip', 'm/3-4-00001.zip']);
    await role.run(id);
    expect(await role.index()).toEqual(['m/3-4-00001.zip']);
  });
});
