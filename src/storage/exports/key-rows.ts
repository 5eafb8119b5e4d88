/** Rows of keys from the bytes of a binary COPY into a block: the hot loop of reading. */
import { AppError } from '../../domain/errors.ts';
import { KEY_LENGTH } from '../../domain/export-file/format.ts';
import { createKeyBlock, NO_ONSET, type KeyBlock } from '../../domain/export-file/key-block.ts';

/** Columns of a row, in this order and with these types: 16 bytes, int4, int2, int2, int2, int2 or null. */
export const KEY_ROW_COLUMNS = 'key, interval_start, interval_count, transmission_risk, report_type, days_since_onset';

/** Signature, flags and length of the extension: before the first row. */
const FILE_HEADER_BYTES = 19;
const FILE_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const FIELDS = 6;
/** The trailer is a field count of −1. */
const TRAILER = Buffer.from([0xff, 0xff]);
/** A row without onset: 6 fields with their lengths. */
const ROW_BYTES = 48 + 4;
const ONSET_BYTES = 2;
/** Where a row has the length of its last field: −1 when there is no onset. */
const ONSET_LENGTH_AT = 48;

/** Cuts chunks, which begin and end anywhere, into rows. Whoever reads the block empties it by setting `count` to 0. */
export class KeyRows {
  readonly block: KeyBlock;
  readonly #capacity: number;
  #hasHeader = false;
  /** Bytes from #at are not read yet. */
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.block = createKeyBlock(capacity);
  }

  /** Takes the bytes that come next; those before must have been read, but for an unfinished row. */
  push(chunk: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** Moves whole rows into the block; true when it is full, and there may be more. Throws AppError `internal` for other rows. */
  fill(): boolean {
    if (!this.#hasHeader && !this.#takeHeader()) return false;
    const bytes = this.#bytes;
    let at = this.#at;
    while (this.block.count < this.#capacity && at + ROW_BYTES <= bytes.length) {
      const end = at + rowBytes(bytes, at);
      if (end > bytes.length) break;
      this.#takeRow(bytes, at);
      at = end;
    }
    this.#at = at;
    return this.block.count === this.#capacity;
  }

  /** Throws AppError `internal` when the bytes so far are not all of a COPY. */
  end(): void {
    if (!this.#hasHeader || !this.#bytes.subarray(this.#at).equals(TRAILER)) throw unexpected();
  }

  #takeHeader(): boolean {
    if (this.#bytes.length < FILE_HEADER_BYTES) return false;
    if (!this.#bytes.subarray(0, FILE_HEADER.length).equals(FILE_HEADER)) throw unexpected();
    this.#at = FILE_HEADER_BYTES;
    this.#hasHeader = true;
    return true;
  }

  /** Fields lie at fixed places, since all but the last have a fixed size. */
  #takeRow(bytes: Buffer, at: number): void {
    const block = this.block;
    const row = block.count++;
    const keys = block.keys;
    let to = row * KEY_LENGTH;
    // A loop beats copy() for 16 bytes.
    for (let from = at + 6; from < at + 22; from++) keys[to++] = bytes[from]!;
    block.start[row] = bytes.readInt32BE(at + 26);
    block.period[row] = bytes.readInt16BE(at + 34);
    block.risk[row] = bytes.readInt16BE(at + 40);
    block.reportType[row] = bytes.readInt16BE(at + 46);
    block.onset[row] = bytes[at + ONSET_LENGTH_AT] === 0 ? bytes.readInt16BE(at + 52) : NO_ONSET;
  }
}

/** Length of the row at `at`, of which all but the onset is there. */
function rowBytes(bytes: Buffer, at: number): number {
  const onsetBytes = bytes.readInt32BE(at + ONSET_LENGTH_AT);
  if (bytes.readInt16BE(at) !== FIELDS || (onsetBytes !== -1 && onsetBytes !== ONSET_BYTES)) throw unexpected();
  return onsetBytes === -1 ? ROW_BYTES : ROW_BYTES + ONSET_BYTES;
}

function unexpected(): AppError {
  return new AppError('internal', 'internal_error', 'Internal Server Error', {
    cause: new Error('COPY gave rows of another shape'),
  });
}
