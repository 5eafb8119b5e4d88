/** The blob stores against emulators of their providers. */
import { afterAll, describe, type TestContext } from 'vitest';
import { describeBlobStore } from '../storage/blob/blob-store-suite.ts';
import { openStoreOf } from '../support/blob-environment.ts';
import { blobEmulators, type BlobEmulator } from './blob-emulators.ts';

for (const [name, start] of Object.entries(blobEmulators)) {
  describe('the blob store', () => {
    let started: Promise<BlobEmulator> | undefined;
    const emulator = async (context: TestContext): Promise<BlobEmulator> => await (started ??= start(context));

    afterAll(async () => {
      await (await started?.catch(() => undefined))?.[Symbol.asyncDispose]();
    });

    describeBlobStore(name, async (context) => {
      const { environment } = await emulator(context);
      return { store: await openStoreOf(environment()), [Symbol.asyncDispose]: () => Promise.resolve() };
    });
  });
}
