/** Turns blocks of keys into the bytes of `export.bin`, in chunks of about 32 KiB. */
import { AppError } from '../../domain/errors.ts';
import { encodeKeys, MAX_KEY_RECORD_BYTES, type ByteSink } from '../../domain/export-file/encode-keys.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import type { KeyBlock } from '../../domain/export-file/key-block.ts';
import { KeyOrder } from '../../domain/export-file/key-order.ts';

/** Most exports are small: larger chunks cost them more than they save large ones. */
const CHUNK_BYTES = 32 * 1024;

/** Keys seen so far, by list. */
export type KeyCounts = Record<KeyList, number>;

/**
 * Encodes one list. Each chunk is fresh memory, since hash, deflate and disk still hold the one before it.
 *
 * @param counts counted up for each block
 * @throws AppError `internal`/`export_keys_unsorted`: such a file must never be signed
 */
export async function* keyChunks(
  list: KeyList,
  blocks: AsyncIterable<KeyBlock>,
  counts: KeyCounts,
): AsyncGenerator<Buffer> {
  const order = new KeyOrder();
  let sink = emptySink();
  for await (const block of blocks) {
    if (!order.accept(block)) {
      throw new AppError('internal', 'export_keys_unsorted', 'keys of an export arrived out of order or twice');
    }
    for (let row = 0; row < block.count;) {
      row = encodeKeys(sink, block, { list, from: row });
      if (sink.bytes.length - sink.offset >= MAX_KEY_RECORD_BYTES) continue;
      yield sink.bytes.subarray(0, sink.offset);
      sink = emptySink();
    }
    counts[list] += block.count;
  }
  if (sink.offset > 0) yield sink.bytes.subarray(0, sink.offset);
}

function emptySink(): ByteSink {
  return { bytes: Buffer.allocUnsafeSlow(CHUNK_BYTES), offset: 0 };
}
