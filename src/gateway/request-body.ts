/** Takes the body of a request off the wire, never more of it than is wanted. */
import type { IncomingMessage } from 'node:http';

/** A body, or its first part. */
export interface RequestBody {
  readonly bytes: Buffer;
  /** There is more than the limit; it was not read. */
  readonly isCut: boolean;
}

/** Reads at most `limit` bytes; undefined when the connection ended before the body did. */
export async function readBody(request: IncomingMessage, limit: number): Promise<RequestBody | undefined> {
  const { promise, resolve } = Promise.withResolvers<RequestBody | undefined>();
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = (body: RequestBody | undefined): void => {
    request.off('data', onData).off('end', onEnd).off('close', onBreak).off('error', onBreak);
    resolve(body);
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= limit) return;
    request.pause();
    finish({ bytes: Buffer.concat(chunks, size).subarray(0, limit), isCut: true });
  };
  const onEnd = (): void => {
    finish({ bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size), isCut: false });
  };
  const onBreak = (): void => {
    finish(undefined);
  };
  request.on('data', onData).on('end', onEnd).on('close', onBreak).on('error', onBreak);
  return await promise;
}

/** Most bytes that are thrown away for a peer that goes on sending, and most time. */
const mostDrained = 1024 * 1024;
const drainMs = 1_000;

/** Throws away what still arrives, until it ends or becomes too much. */
export async function drain(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const enough = (): void => {
    resolve(undefined);
  };
  const timer = setTimeout(enough, drainMs);
  let size = 0;
  const onData = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > mostDrained) enough();
  };
  request.on('data', onData).once('end', enough).once('close', enough).once('error', enough);
  request.resume();
  await promise;
  clearTimeout(timer);
  request.off('data', onData).pause();
}
