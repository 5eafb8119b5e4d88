/** A caller that does not take what is sent: what is kept for him stays small, and he is cut off. */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { expect, it } from 'vitest';
import { ExportServiceDefinition } from '../../../src/gen/enmesh/export/v1/export.ts';
import { exportService, start } from './installation.ts';

const messageBytes = 64 * 1024;
/** 16 messages lie in the call's own buffer, one on its way, and HTTP/2's first window holds another. */
const mostAhead = 24;

/** A server that would send for ever. */
async function startEndless(slowReaderMs: number) {
  const isOver = Promise.withResolvers<undefined>();
  const counted = { sent: 0, isOver: isOver.promise };
  const getFile = async function* () {
    try {
      for (; ; counted.sent++) {
        await Promise.resolve();
        yield { part: { $case: 'chunk', value: Buffer.alloc(messageBytes) } } as const;
      }
    } finally {
      isOver.resolve(undefined);
    }
  };
  return { counted, installation: await start([exportService({ getFile })], { slowReaderMs }) };
}

/** The same with a caller that takes only what it reads. */
async function endless(slowReaderMs: number) {
  const { counted, installation } = await startEndless(slowReaderMs);
  const session = connect(`http://${installation.target}`);
  const stream = session.request({
    ':method': 'POST',
    ':path': `/${ExportServiceDefinition.fullName}/GetFile`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => undefined);
  // An empty message: not compressed, of length 0.
  stream.end(Buffer.alloc(5));
  return {
    ...{ counted, stream, lines: installation.lines },
    [Symbol.asyncDispose]: async () => {
      session.destroy();
      await installation[Symbol.asyncDispose]();
    },
  };
}

it('is cut off, with the reset that gRPC reads as RESOURCE_EXHAUSTED, and what works for him ends', async () => {
  await using call = await endless(300);
  await expect(once(call.stream, 'close')).rejects.toThrow('NGHTTP2_ENHANCE_YOUR_CALM');
  await call.counted.isOver;
  expect(call.counted.sent).toBeLessThan(mostAhead);
  expect(call.lines).toContainEqual(expect.objectContaining({ code: 'slow_reader' }));
});

it('sees RESOURCE_EXHAUSTED without a code of ours, whatever of the stream he still takes', async () => {
  const { counted, installation: started } = await startEndless(300);
  await using installation = started;
  const stream = installation.exports().getFile({})[Symbol.asyncIterator]();
  await stream.next();
  await counted.isOver;
  const rest = async () => {
    while ((await stream.next()).done !== true);
  };
  await expect(rest()).rejects.toMatchObject({ kind: 'exhausted', code: 'resource_exhausted' });
});

it('is left alone as long as he takes something, and nothing is made far ahead of him', async () => {
  await using call = await endless(20_000);
  for (let taken = 0; taken < 100 * messageBytes;) {
    const chunk = call.stream.read() as Buffer | null;
    if (chunk === null) await once(call.stream, 'readable');
    else taken += chunk.length;
  }
  expect(call.counted.sent).toBeLessThan(101 + mostAhead);
  expect(call.stream.closed).toBe(false);
  expect(call.lines).not.toContainEqual(expect.objectContaining({ code: 'slow_reader' }));
});
