/** nginx with the settings of docs/distribution.md, as the cache in front of a real gateway. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, type TestContext } from 'vitest';
import { block, document } from '../docs/markdown.ts';
import { ask, openGateway } from '../gateway/support/gateway.ts';
import { temporaryFolder } from '../support/export-file.ts';
import { tool } from './tools.ts';

const zip = Buffer.alloc(100_000, 'zip');
const file = '/exports/aa/1600000000-1600003600-00001.zip';
const index = Array.from({ length: 84 }, (_, n) => `aa/16000${n}0000-16000${n}3600-00001.zip`).join('\n');

/** What the gateway was asked for. */
interface Asked {
  files: number;
  indexes: number;
}

async function openBehindNginx(context: TestContext) {
  const nginx = tool(context, 'nginx');
  const asked: Asked = { files: 0, indexes: 0 };
  const gateway = await openGateway({
    exports: {
      getIndex: () => {
        asked.indexes++;
        return Promise.resolve({ content: Buffer.from(index), etag: 'index' });
      },
      // eslint-disable-next-line @typescript-eslint/require-await -- a stream without waiting
      async *getFile() {
        asked.files++;
        yield { part: { $case: 'header', value: { size: BigInt(zip.length), etag: 'file' } } };
        yield { part: { $case: 'chunk', value: zip } };
      },
    },
  });
  const folder = await temporaryFolder();
  const port = await freePort();
  await writeFile(join(folder.path, 'nginx.conf'), configuration(folder.path, { port, gatewayPort: gateway.port }));
  const child = spawn(nginx, ['-p', folder.path, '-c', join(folder.path, 'nginx.conf')], { stdio: 'inherit' });
  for (let attempt = 0; attempt < 100 && !(await answers(port)); attempt++) await sleep(50);
  return {
    port,
    asked,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await gateway[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function configuration(folder: string, { port, gatewayPort }: { port: number; gatewayPort: number }): string {
  const settings = block(document('distribution.md'), 'nginx')
    .replace('127.0.0.1:8081', `127.0.0.1:${port}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${gatewayPort}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n');
  return `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${folder}/nginx.pid;
error_log stderr error;
events {}
http {
${temporary}
${settings}
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port: number): Promise<boolean> {
  return await ask({ port }, '/exports/aa/none').then(
    () => true,
    () => false,
  );
}

it('nginx as documented keeps files, asks for the index each time, and takes nothing but reading', async (context) => {
  await using cache = await openBehindNginx(context);
  const results: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    const { status, headers, body } = await ask(cache, `${file}?x=${i}`);
    results.push(headers['x-cache']);
    expect([status, headers['cache-control'], headers.etag]).toEqual([
      200,
      'public, max-age=86400, immutable',
      '"file"',
    ]);
    expect(body.equals(zip)).toBe(true);
  }
  expect(results).toEqual(['MISS', 'HIT']);
  const part = await ask(cache, file, { headers: { range: 'bytes=10-19', 'if-range': '"file"' } });
  expect([part.status, part.headers['content-range'], part.headers['x-cache']]).toEqual([
    206,
    `bytes 10-19/${zip.length}`,
    'HIT',
  ]);
  expect((await ask(cache, file, { headers: { 'if-none-match': '"file"' } })).status).toBe(304);
  expect(cache.asked.files).toBe(1);

  for (let i = 0; i < 2; i++) expect((await ask(cache, '/exports/aa/index.txt')).text).toBe(index);
  const compressed = await ask(cache, '/exports/aa/index.txt', { headers: { 'accept-encoding': 'gzip' } });
  expect(compressed.headers).toMatchObject({ 'content-encoding': 'gzip', etag: '"index-gzip"' });
  const known = { 'accept-encoding': 'gzip', 'if-none-match': '"index-gzip"' };
  expect((await ask(cache, '/exports/aa/index.txt', { headers: known })).status).toBe(304);
  expect(cache.asked.indexes).toBe(4);

  expect((await ask(cache, file, { method: 'POST' })).status).toBe(403);
  expect((await ask(cache, '/v1/publish', { method: 'POST' })).status).toBe(404);
});
