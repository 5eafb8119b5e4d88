/** Bytes over the network: how far they are, and what stands still. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readSource } from '../../../src/cli/export-file/source.ts';

async function serve(answer: (response: ServerResponse) => void): Promise<AsyncDisposable & { readonly url: string }> {
  const server: Server = createServer((_request, response) => {
    answer(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/a.zip`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a source over the network', () => {
  it('tells how far it is, and how much there is', async () => {
    await using site = await serve((response) => response.writeHead(200, { 'content-length': '6' }).end('abcdef'));
    const steps: unknown[] = [];
    const onBytes = (...step: unknown[]): void => void steps.push(step);
    expect((await readSource(site.url, { maxBytes: 6, onBytes })).toString()).toBe('abcdef');
    expect(steps.at(-1)).toEqual([6, 6]);
    await expect(readSource(site.url, { maxBytes: 5 })).rejects.toMatchObject({ code: 'source_too_large' });
  });

  it.each([
    ['never answers', () => undefined],
    ['stops in the middle', (response: ServerResponse) => void response.writeHead(200).write('abc')],
  ])('that %s is given up, with the reason', async (_what, answer) => {
    await using site = await serve(answer);
    await expect(readSource(site.url, { maxBytes: 100, idleMs: 50 })).rejects.toMatchObject({
      code: 'source_unreadable',
      message: `${site.url}: cannot be read: nothing came for 0.05 s`,
    });
  });

  it('that ends too early is a fault', async () => {
    await using site = await serve((response) => {
      response.writeHead(200, { 'content-length': '6' }).write('abc', () => response.destroy());
    });
    await expect(readSource(site.url, { maxBytes: 100 })).rejects.toMatchObject({ code: 'source_unreadable' });
  });

  it('ends with the reason of who asked to stop', async () => {
    await using site = await serve(() => undefined);
    const stop = new AbortController();
    const read = readSource(site.url, { maxBytes: 100, signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(read).rejects.toThrow('stopped');
  });
});
