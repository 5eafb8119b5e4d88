/** Reads protobuf fields one by one and notes what a careful writer would not have written. */
import { AppError } from '../errors.ts';

/** One field as it stands in the bytes; `int32` carries the low 32 bits of a varint, signed. */
export type Field =
  | { readonly number: number; readonly kind: 'varint'; readonly int32: number }
  | { readonly number: number; readonly kind: 'fixed64'; readonly value: bigint }
  | { readonly number: number; readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly number: number; readonly kind: 'fixed32' };

const maxVarintBytes = 10;
const maxNotes = 20;

/** Oddities that readers tolerate, each once, at most 20: unknown fields, fields out of order, overlong numbers. */
export class Oddities {
  readonly #notes = new Set<string>();

  add(note: string): void {
    if (this.#notes.size < maxNotes) this.#notes.add(note);
  }

  get notes(): readonly string[] {
    return [...this.#notes];
  }
}

/** Walks over the fields of one message. */
export class FieldReader {
  readonly #bytes: Buffer;
  readonly #message: string;
  readonly #oddities: Oddities;
  #at = 0;
  #lastNumber = 0;

  /** @param message its name in faults */
  constructor(bytes: Buffer, message: string, oddities: Oddities) {
    this.#bytes = bytes;
    this.#message = message;
    this.#oddities = oddities;
  }

  /** The next field; null at the end. Throws AppError `invalid`/`export_file_invalid` for bytes that are no protobuf. */
  next(): Field | null {
    if (this.#at === this.#bytes.length) return null;
    const tag = this.#varint() >>> 0;
    const number = tag >>> 3;
    if (number === 0) throw this.#fault('has a field without a number');
    if (number < this.#lastNumber) this.#oddities.add(`${this.#message}: fields are not in ascending order`);
    this.#lastNumber = number;
    switch (tag & 7) {
      case 0:
        return { number, kind: 'varint', int32: this.#varint() };
      case 1:
        return { number, kind: 'fixed64', value: this.#take(8).readBigUInt64LE() };
      case 2:
        return { number, kind: 'bytes', bytes: this.#take(this.#varint() >>> 0) };
      case 5:
        this.#take(4);
        return { number, kind: 'fixed32' };
      default:
        throw this.#fault('has a field of a kind that does not exist');
    }
  }

  /** Notes a field that the format does not know, or that has the wrong kind. */
  unknown(field: Field): void {
    this.#oddities.add(`${this.#message}: unknown field ${String(field.number)} (${field.kind})`);
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw this.#fault('ends in the middle of a field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let index = 0; index < maxVarintBytes; index++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.#fault('ends in the middle of a field');
      if (index < 5) value |= (byte & 0x7f) << (7 * index);
      if (byte > 0x7f) continue;
      if (byte === 0 && index > 0) this.#oddities.add(`${this.#message}: a number is longer than it need be`);
      return value;
    }
    throw this.#fault('has a number of more than ten bytes');
  }

  #fault(what: string): AppError {
    return new AppError('invalid', 'export_file_invalid', `${this.#message} ${what}`);
  }
}
