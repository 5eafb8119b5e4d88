/** Google Cloud Storage. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Storage, type File } from '@google-cloud/storage';
import type { BlobContent, BlobInfo, BlobName } from './blob-store.ts';
import {
  wholeSize,
  type BlobProvider,
  type ListQuery,
  type NamePage,
  type ProviderPut,
  type ProviderRead,
} from './provider.ts';
import type { GcsSettings } from './settings.ts';

/** Emulators take any. */
const emulatedProject = 'enmesh';

/** Opens the client; credentials are found when they are needed, by its own rules (`GOOGLE_APPLICATION_CREDENTIALS`, metadata). */
export function openGcs({ endpoint, projectId }: GcsSettings): BlobProvider {
  // Emulators want none, and a token never crosses the network in plain text.
  const isAnonymous = endpoint?.startsWith('https:') === false;
  const storage = new Storage({
    ...(projectId === undefined && !isAnonymous ? {} : { projectId: projectId ?? emulatedProject }),
    retryOptions: { autoRetry: false, retryableErrorFn: () => false },
    ...(endpoint === undefined ? {} : { apiEndpoint: endpoint, useAuthWithCustomEndpoint: !isAnonymous }),
  });
  // With STORAGE_EMULATOR_HOST in the environment the client leaves the path out.
  if (endpoint !== undefined) storage.baseUrl = `${endpoint}/storage/v1`;
  return new GcsProvider(storage);
}

class GcsProvider implements BlobProvider {
  readonly name = 'Google Cloud Storage';
  readonly bucketPattern = /^(?!goog)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/;
  readonly bucketRule = '3 to 63 lower-case letters, digits, "-", "_" and "."';
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async put(blob: BlobName, content: BlobContent, options: ProviderPut): Promise<void> {
    const { contentType, cacheControl, condition, signal } = options;
    const file = this.#file(blob);
    const settings = {
      metadata: { contentType, cacheControl },
      preconditionOpts: { ifGenerationMatch: condition === 'absent' ? 0 : condition.etag },
    };
    if (content instanceof Uint8Array) await file.save(Buffer.from(content), { ...settings, resumable: false });
    // A resumable upload is the one that ends when its stream is destroyed.
    else await pipeline(content.open(), file.createWriteStream({ ...settings, resumable: true }), { signal });
  }

  async stat(blob: BlobName): Promise<BlobInfo> {
    const [{ size, generation }] = await this.#file(blob).getMetadata();
    return { size: Number(size), etag: String(generation) };
  }

  async read(
    blob: BlobName,
    { range: { offset, length }, signal }: ProviderRead,
  ): Promise<{ readonly info: BlobInfo; readonly body: Readable }> {
    const part = offset === 0 && length === 0 ? {} : { start: offset };
    const body = this.#file(blob).createReadStream({
      ...part,
      ...(length === 0 ? {} : { start: offset, end: offset + length - 1 }),
      validation: false,
      decompress: false,
    });
    body.on('error', () => undefined);
    // The client hangs two pipelines on it, and Node would warn of a leak with each file.
    body.once('response', (answer: IncomingMessage) => answer.setMaxListeners(0));
    const giveUp = (): void => {
      // The client pipes an answer that comes late into it, and rejects a promise that nobody holds when it is destroyed.
      body.once('response', () => setImmediate(() => body.destroy()));
    };
    signal.addEventListener('abort', giveUp, { once: true });
    body.read(0);
    const [response] = (await once(body, 'response')) as [IncomingMessage];
    signal.removeEventListener('abort', giveUp);
    signal.addEventListener('abort', () => body.destroy(), { once: true });
    const { headers } = response;
    if (response.statusCode !== undefined && response.statusCode >= 300) await once(body, 'close');
    return {
      info: {
        size: wholeSize(headers['content-range'], Number(headers['content-length'])),
        etag: String(headers['x-goog-generation']),
      },
      body,
    };
  }

  async list({ bucket, prefix, after }: ListQuery): Promise<NamePage> {
    const [files, query] = await this.#storage.bucket(bucket).getFiles({
      prefix,
      autoPaginate: false,
      ...(after === undefined ? {} : { pageToken: after }),
    });
    const next = (query as { readonly pageToken?: string } | null)?.pageToken;
    return { names: files.map(({ name }) => name), ...(next === undefined ? {} : { next }) };
  }

  async delete(blob: BlobName): Promise<void> {
    await this.#file(blob).delete();
  }

  async createBucket(bucket: string): Promise<void> {
    await this.#storage.createBucket(bucket);
  }

  #file({ bucket, name }: BlobName): File {
    return this.#storage.bucket(bucket).file(name);
  }
}
