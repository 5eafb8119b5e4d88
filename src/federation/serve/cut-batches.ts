/** Cuts keys into batches that fit into a message. */
import type { SharedKey } from '../../domain/federation/shared-key.ts';

/** A quarter of what a message may have: keys with many regions each, and long ways, are no reason for a stream to break. */
const mostBytes = 1024 * 1024;
/** Of a key with its values, and the lengths that protobuf adds. */
const keyBytes = 64;

/** Where batches begin and end; each has at least one key. */
export function* cutBatches(
  keys: readonly SharedKey[],
  mostKeys: number,
): Generator<{ readonly start: number; readonly end: number }> {
  let start = 0;
  let bytes = 0;
  const origins = new Set<readonly string[]>();
  const bytesOf = ({ regions, path }: SharedKey): number =>
    keyBytes + (origins.has(regions) ? 0 : textBytes(regions) + textBytes(path));
  for (const [index, key] of keys.entries()) {
    if (index > start && (index - start === mostKeys || bytes + bytesOf(key) > mostBytes)) {
      yield { start, end: index };
      start = index;
      bytes = 0;
      origins.clear();
    }
    bytes += bytesOf(key);
    origins.add(key.regions);
  }
  if (start < keys.length) yield { start, end: keys.length };
}

/** At most so many: a UTF-16 unit has up to three bytes in UTF-8. */
function textBytes(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + 3 * text.length + 4, 0);
}
