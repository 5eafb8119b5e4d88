/** The order of keys in a file: ascending by their bytes, unsigned, none twice. */
import { KEY_LENGTH } from './format.ts';
import type { KeyBlock } from './key-block.ts';

/** Checks the order of a list that arrives in blocks. */
export class KeyOrder {
  readonly #last = Buffer.alloc(KEY_LENGTH);
  #isFirst = true;

  /** Takes the next block; false when a key in it isn't above the one before it. */
  accept(block: KeyBlock): boolean {
    if (block.count === 0) return true;
    if (!this.#isFirst && this.#last.compare(block.keys, 0, KEY_LENGTH) >= 0) return false;
    for (let at = KEY_LENGTH; at < block.count * KEY_LENGTH; at += KEY_LENGTH) {
      if (!isAscending(block.keys, at)) return false;
    }
    block.keys.copy(this.#last, 0, (block.count - 1) * KEY_LENGTH, block.count * KEY_LENGTH);
    this.#isFirst = false;
    return true;
  }
}

/** Compares the key at `at` with the one before it; random keys nearly always differ in their first four bytes. */
function isAscending(keys: Buffer, at: number): boolean {
  const before = keys.readUInt32BE(at - KEY_LENGTH);
  const here = keys.readUInt32BE(at);
  if (before !== here) return before < here;
  return keys.compare(keys, at - KEY_LENGTH, at, at, at + KEY_LENGTH) > 0;
}
