/** Compresses small texts for clients that can read it (RFC 9110, 8.4.1 and 12.5.3). */
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { SmallObject } from './wire.ts';

/** How an object is sent; undefined = as it is. */
export type ContentEncoding = 'br' | 'gzip' | undefined;

/** An object as it is sent, with a validator of its own. */
export interface EncodedObject extends SmallObject {
  readonly encoding: ContentEncoding;
}

const compress = {
  br: async (bytes: Buffer) => await brotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: async (bytes: Buffer) => await gzipped(bytes, { level: 6 }),
} as const;
const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/** Texts that are remembered compressed: some for each of some hundred exports. */
const mostTexts = 512;
const mostBytes = 8 * 1024 * 1024;

/** Every text is compressed once. */
export class ContentEncodings {
  readonly #texts = new LRUCache<string, EncodedObject>({
    max: mostTexts,
    maxSize: mostBytes,
    sizeCalculation: ({ bytes }) => bytes.length || 1,
  });

  /** In the best encoding that the client takes, unless that makes it larger. */
  async encode(object: SmallObject, acceptEncoding: string | undefined): Promise<EncodedObject> {
    const encoding = chooseEncoding(acceptEncoding);
    if (encoding === undefined) return { ...object, encoding };
    const name = `${encoding} ${object.etag}`;
    const known = this.#texts.get(name);
    if (known) return known;
    const bytes = await compress[encoding](object.bytes);
    const encoded =
      bytes.length < object.bytes.length
        ? { bytes, etag: object.etag.replace(/"$/, `-${encoding}"`), encoding }
        : { ...object, encoding: undefined };
    this.#texts.set(name, encoded);
    return encoded;
  }
}

/** What the client likes best; brotli where it likes both the same. What it did not name it does not get. */
export function chooseEncoding(acceptEncoding: string | undefined): ContentEncoding {
  if (acceptEncoding === undefined) return undefined;
  const weights = new Map(acceptEncoding.split(',').map(readWeight));
  const weightOf = (name: string): number => weights.get(name) ?? weights.get('*') ?? 0;
  const [br, gzip, identity] = [weightOf('br'), weightOf('gzip'), weights.get('identity') ?? 0];
  if (Math.max(br, gzip) <= 0 || identity > Math.max(br, gzip)) return undefined;
  return br >= gzip ? 'br' : 'gzip';
}

function readWeight(part: string): [name: string, weight: number] {
  const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return [name, /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weight) ? Number(weight) : 0];
}
