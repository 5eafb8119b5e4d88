/** Downloads to memory and to disk: what arrives, and what is left of what does not. */
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadBytes, downloadToFile } from '../../src/platform/download.ts';
import { fileDownload } from '../../src/platform/download-settings.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { temporaryFolder } from '../support/export-file.ts';
import { startUpstream } from '../support/upstream.ts';

const settings = {
  places: { ca: undefined, allowPrivateAddresses: false, allowLoopback: true },
  indexTimeoutMs: 10_000,
  fileTimeoutMs: 10_000,
  idleTimeoutMs: 10_000,
};
const options = fileDownload(settings, { maxBytes: 1000, signal: new AbortController().signal });

describe('a download', () => {
  it('of the largest size arrives whole, in memory and on disk with its digest', async () => {
    const bytes = Buffer.alloc(options.maxBytes, 'x');
    await using upstream = await startUpstream({ file: bytes });
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    expect(await downloadBytes(`${upstream.baseUrl}file`, options)).toEqual(bytes);
    const sha256 = createHash('sha256').update(bytes).digest();
    expect(await downloadToFile(`${upstream.baseUrl}file`, path, options)).toEqual({ size: bytes.length, sha256 });
    expect(await readFile(path)).toEqual(bytes);
  });

  it('of a byte more is refused and leaves no file', async () => {
    await using upstream = await startUpstream({ file: Buffer.alloc(options.maxBytes + 1) });
    await using folder = await temporaryFolder();
    const tooLarge = { kind: 'invalid', code: 'download_too_large', message: 'the file is larger than 1000 bytes' };
    await expect(downloadBytes(`${upstream.baseUrl}file`, options)).rejects.toMatchObject(tooLarge);
    await expect(downloadToFile(`${upstream.baseUrl}file`, join(folder.path, 'file'), options)).rejects.toMatchObject(
      tooLarge,
    );
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('asks for bytes as they are', async () => {
    await using upstream = await startUpstream();
    let asked: string | undefined;
    upstream.index = (request, response) => {
      asked = request.headers['accept-encoding']?.toString();
      response.end();
    };
    await downloadBytes(upstream.indexUrl, options);
    expect(asked).toBe('identity');
  });

  it('that stops coming ends before the limit of the whole', async () => {
    await using upstream = await startUpstream();
    upstream.index = (_request, response) => void response.write('x');
    await expect(downloadBytes(upstream.indexUrl, { ...options, idleTimeoutMs: 100 })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'download_failed',
      message: 'the file stopped coming',
    });
  });

  it('never overwrites a file', async () => {
    await using upstream = await startUpstream({ file: Buffer.from('new') });
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    await writeFile(path, 'old');
    await expect(downloadToFile(`${upstream.baseUrl}file`, path, options)).rejects.toMatchObject({
      code: 'spool_unavailable',
    });
    expect(await readFile(path, 'utf8')).toBe('old');
  });

  it('names no URL in what it tells, which may hold a secret', async () => {
    await using upstream = await startUpstream();
    const faults = await Promise.all(
      [`${upstream.baseUrl}none?sig=secret`, 'https://localhost:1/?sig=secret', 'https://10.0.0.1/?sig=secret'].map(
        async (url) => String(await downloadBytes(url, options).catch((error: unknown) => error)),
      ),
    );
    expect(faults).toHaveLength(3);
    for (const fault of faults) expect(fault).not.toMatch(/secret|sig|10\.0|localhost/);
  });

  it('brings no address into a log', async () => {
    const places = { ca: undefined, allowPrivateAddresses: true, allowLoopback: true };
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    const logger = createLogger({ level: 'info', pretty: false, destination });
    for (const url of ['http://127.0.0.1:1/', 'https://localhost:1/', 'https://no-such-host.invalid/']) {
      const err: unknown = await downloadBytes(url, { ...options, places }).catch((error: unknown) => error);
      logger.warn({ err }, 'not downloaded');
    }
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).not.toMatch(/127\.0|::1|localhost|no-such-host/);
  });

  it('ends with the reason of whoever stops it', async () => {
    await using upstream = await startUpstream();
    await using folder = await temporaryFolder();
    const stop = new AbortController();
    upstream.index = (_request, response) => {
      response.write('x');
      stop.abort(new Error('enough'));
    };
    const stopped = { ...options, signal: stop.signal };
    await expect(downloadToFile(upstream.indexUrl, join(folder.path, 'file'), stopped)).rejects.toThrow('enough');
    expect(await readdir(folder.path)).toEqual([]);
  });
});
