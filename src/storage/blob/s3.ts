/** Amazon S3, and stores that speak its protocol. */
import type { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { BlobContent, BlobInfo, BlobName } from './blob-store.ts';
import {
  rangeHeader,
  wholeSize,
  type BlobProvider,
  type ListQuery,
  type NamePage,
  type ProviderPut,
  type ProviderRead,
} from './provider.ts';
import type { S3Settings } from './settings.ts';

const say = (): void => undefined;
/** The client writes to the console otherwise; what fails is told once, by whoever asked. */
const silent = { debug: say, info: say, warn: say, error: say };

/** With a limit (the client's is 50), so many slow readers would keep everybody waiting. */
const connections = { maxSockets: Infinity };

/** Opens the client; credentials are found when they are needed, by its own rules (environment, profile, instance). */
export function openS3(settings: S3Settings): BlobProvider {
  const { endpoint, region, pathStyle } = settings;
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle: pathStyle,
    maxAttempts: 1,
    logger: silent,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 0, httpAgent: connections, httpsAgent: connections },
  });
  return new S3Provider(client, region);
}

class S3Provider implements BlobProvider {
  readonly name = 'S3';
  readonly bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
  readonly bucketRule = '3 to 63 lower-case letters, digits, "." and "-"';
  readonly #client: S3Client;
  readonly #region: string;

  constructor(client: S3Client, region: string) {
    this.#client = client;
    this.#region = region;
  }

  async put({ bucket, name }: BlobName, content: BlobContent, options: ProviderPut): Promise<void> {
    const { contentType, cacheControl, condition, signal } = options;
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: name,
      Body: content instanceof Uint8Array ? content : content.open(),
      ContentLength: content instanceof Uint8Array ? content.length : content.size,
      ContentType: contentType,
      CacheControl: cacheControl,
      ...(condition === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag }),
    });
    await this.#client.send(command, { abortSignal: signal });
  }

  async stat({ bucket, name }: BlobName, signal: AbortSignal): Promise<BlobInfo> {
    const head = await this.#client.send(new HeadObjectCommand({ Bucket: bucket, Key: name }), { abortSignal: signal });
    return { size: head.ContentLength ?? 0, etag: head.ETag ?? '' };
  }

  async read(
    { bucket, name }: BlobName,
    { range, signal }: ProviderRead,
  ): Promise<{ readonly info: BlobInfo; readonly body: Readable }> {
    const part = rangeHeader(range);
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: name,
      ...(part === undefined ? {} : { Range: part }),
    });
    const { Body, ContentRange, ContentLength, ETag } = await this.#client.send(command, { abortSignal: signal });
    return {
      info: { size: wholeSize(ContentRange, ContentLength ?? 0), etag: ETag ?? '' },
      body: Body as Readable,
    };
  }

  async list({ bucket, prefix, after }: ListQuery, signal: AbortSignal): Promise<NamePage> {
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix,
      ...(after === undefined ? {} : { ContinuationToken: after }),
    });
    const { Contents = [], NextContinuationToken: next } = await this.#client.send(command, { abortSignal: signal });
    return { names: Contents.flatMap(({ Key }) => Key ?? []), ...(next === undefined ? {} : { next }) };
  }

  async delete({ bucket, name }: BlobName, signal: AbortSignal): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }), { abortSignal: signal });
  }

  async createBucket(bucket: string, signal: AbortSignal): Promise<void> {
    // The first region's buckets must not name it.
    const place = this.#region === 'us-east-1' ? {} : { LocationConstraint: this.#region as 'eu-west-1' };
    const command = new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: place });
    await this.#client.send(command, { abortSignal: signal });
  }
}
