/** Between published objects as the gateway knows them and the RPCs of the export role. */
import { AppError } from '../../domain/errors.ts';
import type { ExportServiceClient, GetFileResponse, PublicKey } from '../../gen/enmesh/export/v1/export.ts';
import type { CallLimits } from '../../platform/grpc/client-calls.ts';
import { quotedEtag } from './conditional.ts';

/** The export role, as the gateway calls it. */
export type ExportClient = Pick<ExportServiceClient<CallLimits>, 'getIndex' | 'getFile' | 'getPublicKeys'>;

/** How long to wait, and when to stop waiting. */
export interface CallOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** A whole object. `etag` is quoted. */
export interface SmallObject {
  readonly bytes: Buffer;
  readonly etag: string;
}

/** A public key of an export's signer. */
export interface VerificationKey {
  readonly keyId: string;
  readonly keyVersion: string;
  readonly publicKeyPem: string;
  readonly from: Date | undefined;
  readonly thru: Date | undefined;
}

/** @throws AppError `not_found` for a root that no export has */
export async function fetchIndex(
  client: ExportClient,
  filenameRoot: string,
  options: CallOptions,
): Promise<SmallObject> {
  const { content, etag } = await client.getIndex({ filenameRoot }, options);
  return { bytes: content, etag: quotedEtag(etag) };
}

/** @throws AppError `not_found` for a root that no export has */
export async function fetchPublicKeys(
  client: ExportClient,
  filenameRoot: string,
  options: CallOptions,
): Promise<readonly VerificationKey[]> {
  const { keys } = await client.getPublicKeys({ filenameRoot }, options);
  return keys.map(({ keyId, keyVersion, publicKeyPem, from, thru }: PublicKey) => ({
    keyId,
    keyVersion,
    publicKeyPem,
    from,
    thru,
  }));
}

/** A part of a file: what the whole is like, then the part's bytes as they come. `etag` is quoted. */
export interface OpenFile {
  readonly size: number;
  readonly etag: string;
  readonly chunks: AsyncIterable<Buffer>;
  /** Ends the call. */
  close(): void;
}

/** What of which file. */
export interface FilePart {
  readonly filenameRoot: string;
  readonly file: string;
  readonly offset: number;
  /** 0 = to the end. */
  readonly length: number;
}

/**
 * Opens a file and waits for its header; bytes are fetched only as fast as they are taken.
 * @param options `signal` ends the call, whenever it comes; `timeoutMs` is for the header, and for each chunk that is
 *   asked for
 * @throws AppError `not_found` for a file that is not there, `timeout` when no header comes in time
 */
export async function openFile(
  client: ExportClient,
  part: FilePart,
  { signal, timeoutMs }: CallOptions,
): Promise<OpenFile> {
  const controller = new AbortController();
  const close = (): void => {
    signal.removeEventListener('abort', close);
    controller.abort();
  };
  signal.addEventListener('abort', close);
  if (signal.aborted) close();
  const request = { ...part, offset: BigInt(part.offset), length: BigInt(part.length) };
  const parts = client.getFile(request, { signal: controller.signal })[Symbol.asyncIterator]();
  const next: NextPart = async () => {
    const timer = setTimeout(() => {
      controller.abort(new DOMException('the next part did not come in time', 'TimeoutError'));
    }, timeoutMs);
    try {
      return await parts.next();
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    const first = await next();
    if (first.done === true || first.value.part?.$case !== 'header') throw protocolFault();
    const { size, etag } = first.value.part.value;
    return { size: Number(size), etag: quotedEtag(etag), chunks: chunksOf(next, close), close };
  } catch (error) {
    close();
    throw error;
  }
}

type NextPart = () => Promise<IteratorResult<GetFileResponse, unknown>>;

async function* chunksOf(nextPart: NextPart, close: () => void): AsyncGenerator<Buffer> {
  try {
    for (let next = await nextPart(); next.done !== true; next = await nextPart()) {
      if (next.value.part?.$case !== 'chunk') throw protocolFault();
      yield next.value.part.value;
    }
  } finally {
    close();
  }
}

function protocolFault(): AppError {
  return new AppError('internal', 'internal_error', 'the export role sent the parts of a file out of order');
}
