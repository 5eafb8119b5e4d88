/** Azure Blob Storage; a bucket is a container. */
import type { Readable } from 'node:stream';
import {
  BlobServiceClient,
  StorageSharedKeyCredential,
  type ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import type { BlobContent, BlobInfo, BlobName } from './blob-store.ts';
import {
  wholeSize,
  type BlobProvider,
  type ListQuery,
  type NamePage,
  type ProviderPut,
  type ProviderRead,
} from './provider.ts';
import type { AzureStorageSettings } from './settings.ts';

const pipeline: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

/** Opens the client; without a key or connection string, credentials are found by its own rules (environment, identity). */
export async function openAzureStorage(settings: AzureStorageSettings): Promise<BlobProvider> {
  return new AzureProvider(await openService(settings));
}

async function openService(settings: AzureStorageSettings): Promise<BlobServiceClient> {
  if ('connectionString' in settings) {
    return BlobServiceClient.fromConnectionString(settings.connectionString, pipeline);
  }
  const { url, account, key } = settings;
  if (account !== undefined && key !== undefined) {
    return new BlobServiceClient(url, new StorageSharedKeyCredential(account, key), pipeline);
  }
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new BlobServiceClient(url, new DefaultAzureCredential(), pipeline);
}

class AzureProvider implements BlobProvider {
  readonly name = 'Azure';
  readonly bucketPattern = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/;
  readonly bucketRule = 'a container has 3 to 63 lower-case letters, digits and single "-"';
  readonly #service: BlobServiceClient;

  constructor(service: BlobServiceClient) {
    this.#service = service;
  }

  async put({ bucket, name }: BlobName, content: BlobContent, options: ProviderPut): Promise<void> {
    const { contentType, cacheControl, condition, signal } = options;
    const isBytes = content instanceof Uint8Array;
    // One request, up to 5,000 MiB: condition and content are decided together.
    await this.#container(bucket)
      .getBlockBlobClient(name)
      .upload(isBytes ? Buffer.from(content) : () => content.open(), isBytes ? content.length : content.size, {
        abortSignal: signal,
        blobHTTPHeaders: { blobContentType: contentType, blobCacheControl: cacheControl },
        conditions: condition === 'absent' ? { ifNoneMatch: '*' } : { ifMatch: condition.etag },
      });
  }

  async stat({ bucket, name }: BlobName, signal: AbortSignal): Promise<BlobInfo> {
    const found = await this.#container(bucket).getBlobClient(name).getProperties({ abortSignal: signal });
    return { size: found.contentLength ?? 0, etag: found.etag ?? '' };
  }

  async read(
    { bucket, name }: BlobName,
    { range, signal }: ProviderRead,
  ): Promise<{ readonly info: BlobInfo; readonly body: Readable }> {
    const found = await this.#container(bucket)
      .getBlobClient(name)
      .download(range.offset, range.length === 0 ? undefined : range.length, {
        abortSignal: signal,
        maxRetryRequests: 0,
      });
    return {
      info: { size: wholeSize(found.contentRange, found.contentLength ?? 0), etag: found.etag ?? '' },
      body: found.readableStreamBody as Readable,
    };
  }

  async list({ bucket, prefix, after }: ListQuery, signal: AbortSignal): Promise<NamePage> {
    const pages = this.#container(bucket)
      .listBlobsFlat({ prefix, abortSignal: signal })
      .byPage(after === undefined ? {} : { continuationToken: after });
    const { value } = (await pages.next()) as { readonly value: ContainerListBlobFlatSegmentResponse };
    const { segment, continuationToken: next } = value;
    const names = segment.blobItems.map((item) => item.name);
    return next === undefined || next === '' ? { names } : { names, next };
  }

  async delete({ bucket, name }: BlobName, signal: AbortSignal): Promise<void> {
    const options = { abortSignal: signal, deleteSnapshots: 'include' } as const;
    await this.#container(bucket).getBlobClient(name).delete(options);
  }

  async createBucket(bucket: string, signal: AbortSignal): Promise<void> {
    await this.#container(bucket).create({ abortSignal: signal });
  }

  #container(bucket: string): ContainerClient {
    return this.#service.getContainerClient(bucket);
  }
}
