/** Faults at the borders of the export role: where it has a lease, reads, signs, and uploads. */
import { Readable } from 'node:stream';
import type pg from 'pg';
import type { ExportDeps } from '../../src/export/settings.ts';
import type { BlobContent, BlobStore } from '../../src/storage/blob/blob-store.ts';

/** A moment in the building of a batch. */
export type Step =
  | 'after lease'
  | 'mid read'
  | 'sign'
  | 'before upload'
  | 'mid upload'
  | 'after upload'
  | 'before index'
  | 'after index';

type Reach = (step: Step) => void | Promise<void>;

/** The same role; `reach` is called at each step, and may throw, wait or end the process. */
export function withFaults(deps: ExportDeps, reach: Reach): ExportDeps {
  const { blobStore, keyManager, database, logger } = deps;
  return {
    ...deps,
    // Whoever has leased a batch first of all makes a logger for it.
    logger: wrap(logger, 'child', (child, ...bindings) => {
      const made = child(...bindings);
      void reach('after lease');
      return made;
    }),
    database: wrap(database, 'withClient', (withClient, work) =>
      withClient(async (client) => await work(spied(client, reach))),
    ),
    blobStore: {
      put: async (blob, content, options) => {
        const isFile = blob.name.endsWith('.zip');
        const kind = isFile ? 'upload' : 'index';
        await reach(`before ${kind}`);
        const result = await blobStore.put(blob, isFile ? interrupted(content, reach) : content, options);
        await reach(`after ${kind}`);
        return result;
      },
      stat: (blob) => blobStore.stat(blob),
      read: (blob, range) => blobStore.read(blob, range),
      list: (bucket, prefix) => blobStore.list(bucket, prefix),
      delete: (blob) => blobStore.delete(blob),
    } satisfies BlobStore,
    keyManager: wrap(keyManager, 'sign', async (sign, ...values) => {
      await reach('sign');
      return await sign(...values);
    }),
  };
}

/** The same object with one method of another making. */
function wrap<T extends object, Name extends keyof T>(
  object: T,
  method: Name,
  replacement: T[Name] extends (...values: infer Values) => infer Result
    ? (original: (...values: Values) => Result, ...values: Values) => Result
    : never,
): T {
  return new Proxy(object, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const original = (...values: unknown[]): unknown => Reflect.apply(value, target, values);
      if (name !== method) return original;
      return (...values: unknown[]): unknown => (replacement as (...all: unknown[]) => unknown)(original, ...values);
    },
  });
}

/** A COPY reaches its middle when its first bytes have come. */
function spied(client: pg.PoolClient, reach: Reach): pg.PoolClient {
  return wrap(
    client as pg.PoolClient & { query: (query: unknown, values?: unknown) => unknown },
    'query',
    (query, ...values) => {
      const result = query(...values);
      return result instanceof Readable ? Readable.from(stopsOver(result, 'mid read', reach)) : result;
    },
  );
}

function interrupted(content: BlobContent, reach: Reach): BlobContent {
  if (content instanceof Uint8Array) return content;
  return { size: content.size, open: () => Readable.from(halves(content.open(), reach)) };
}

async function* halves(source: Readable, reach: Reach): AsyncGenerator<Buffer> {
  const bytes = Buffer.concat((await source.toArray()) as Buffer[]);
  yield bytes.subarray(0, bytes.length / 2);
  await reach('mid upload');
  yield bytes.subarray(bytes.length / 2);
}

async function* stopsOver(source: Readable, step: Step, reach: Reach): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    yield chunk;
    if (isFirst) await reach(step);
    isFirst = false;
  }
}
