/** Faults at the borders of the export role: where it signs, and where it uploads. */
import type { ExportDeps } from '../../src/export/settings.ts';
import type { BlobStore } from '../../src/storage/blob/blob-store.ts';

/** A moment in the building of a batch. */
export type Step = 'sign' | 'before upload' | 'after upload' | 'before index' | 'after index';

/** The same role; `reach` is called at each step, and may throw, wait or end the process. */
export function withFaults(deps: ExportDeps, reach: (step: Step) => void | Promise<void>): ExportDeps {
  const { blobStore, keyManager } = deps;
  return {
    ...deps,
    blobStore: {
      put: async (blob, body, options) => {
        const kind = blob.name.endsWith('.zip') ? 'upload' : 'index';
        await reach(`before ${kind}`);
        const result = await blobStore.put(blob, body, options);
        await reach(`after ${kind}`);
        return result;
      },
      stat: (blob) => blobStore.stat(blob),
      read: (blob, range) => blobStore.read(blob, range),
      list: (bucket, prefix) => blobStore.list(bucket, prefix),
      delete: (blob) => blobStore.delete(blob),
    } satisfies BlobStore,
    keyManager: new Proxy(keyManager, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...values: unknown[]) => {
          if (name === 'sign') await reach('sign');
          return (await Reflect.apply(value, target, values)) as unknown;
        };
      },
    }),
  };
}
