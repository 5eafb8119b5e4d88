/** Which file each key was seen in: exact, at 28 to 57 bytes a key, for millions of them. */
import { KEY_LENGTH } from '../../domain/export-file/format.ts';

/** Slots are at most so full: beyond, looking becomes slow. */
const mostFull = 0.7;
const firstCapacity = 1 << 12;

/** A hash table without objects. Keys are random, so their own bytes are their hash; made-up ones only make it slower. */
export class KeyTable {
  #keys = Buffer.alloc(firstCapacity * KEY_LENGTH);
  /** 0 = free; else the owner's number + 1. */
  #owners = new Uint32Array(firstCapacity);
  #count = 0;

  /**
   * Enters a key of 16 bytes.
   * @param owner number of the file, from 0
   * @returns whose the key is: `owner`, or whoever entered it first
   */
  claim(key: Buffer, owner: number): number {
    if (this.#count + 1 > this.#owners.length * mostFull) this.#grow();
    const slot = this.#slotOf(key);
    const known = this.#owners[slot] ?? 0;
    if (known !== 0) return known - 1;
    this.#put(slot, key, owner + 1);
    this.#count += 1;
    return owner;
  }

  /** The slot that has the key, or the free one where it belongs. */
  #slotOf(key: Buffer): number {
    const mask = this.#owners.length - 1;
    let slot = key.readUInt32LE(0) & mask;
    while (this.#owners[slot] !== 0) {
      const at = slot * KEY_LENGTH;
      if (key.compare(this.#keys, at, at + KEY_LENGTH) === 0) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #put(slot: number, key: Buffer, owner: number): void {
    key.copy(this.#keys, slot * KEY_LENGTH);
    this.#owners[slot] = owner;
  }

  #grow(): void {
    const keys = this.#keys;
    const owners = this.#owners;
    this.#keys = Buffer.alloc(keys.length * 2);
    this.#owners = new Uint32Array(owners.length * 2);
    for (const [slot, owner] of owners.entries()) {
      if (owner === 0) continue;
      const key = keys.subarray(slot * KEY_LENGTH, (slot + 1) * KEY_LENGTH);
      this.#put(this.#slotOf(key), key, owner);
    }
  }
}
