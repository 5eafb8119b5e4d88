/** Sends index and public keys: small, changing, and asked for by every phone each time. */
import type { FastifyReply } from 'fastify';
import { cacheControl } from './cache-control.ts';
import { isNotModified } from './conditional.ts';
import { ContentEncodings } from './content-encoding.ts';
import { FreshReads } from './fresh-reads.ts';
import { renderPublicKeys } from './public-keys.ts';
import { fetchIndex, fetchPublicKeys, type ExportClient, type SmallObject } from './wire.ts';
import type { Exchange } from './zip-files.ts';

type Kind = 'index' | 'keys';

const contentTypes: Readonly<Record<Kind, string>> = { index: 'text/plain', keys: 'application/json' };

/** What {@link SmallObjects} needs. */
export interface SmallObjectsOptions {
  readonly client: ExportClient;
  /** How long the export role may take. */
  readonly timeoutMs: number;
}

/** Indexes and public keys of all exports. */
export class SmallObjects {
  readonly #options: SmallObjectsOptions;
  readonly #reads = new FreshReads<SmallObject>();
  readonly #encodings = new ContentEncodings();

  constructor(options: SmallObjectsOptions) {
    this.#options = options;
  }

  /**
   * Answers a GET or HEAD; many who ask at the same time cost the export role one or two calls.
   * @throws AppError as long as nothing is sent
   */
  async send(kind: Kind, filenameRoot: string, { request, reply }: Exchange): Promise<FastifyReply> {
    const object = await this.#reads.read(`${kind} ${filenameRoot}`, () => this.#fetch(kind, filenameRoot));
    const { bytes, etag, encoding } = await this.#encodings.encode(object, request.headers['accept-encoding']);
    reply.header('etag', etag).header('cache-control', cacheControl[kind]).header('vary', 'Accept-Encoding');
    if (isNotModified(request.headers, etag)) return reply.code(304).send();
    if (encoding !== undefined) reply.header('content-encoding', encoding);
    return reply.header('content-type', contentTypes[kind]).header('x-content-type-options', 'nosniff').send(bytes);
  }

  async #fetch(kind: Kind, filenameRoot: string): Promise<SmallObject> {
    const { client, timeoutMs } = this.#options;
    // Others may wait for it too, so nobody's leaving ends it.
    const call = { signal: new AbortController().signal, timeoutMs };
    return kind === 'index'
      ? await fetchIndex(client, filenameRoot, call)
      : renderPublicKeys(await fetchPublicKeys(client, filenameRoot, call));
  }
}
