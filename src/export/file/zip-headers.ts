/** The records of a zip, as the deployed server writes them: nothing in them depends on time, machine or user. */

/** What is known of an entry once it is written. */
export interface ZipEntry {
  readonly name: string;
  /** Where its local header begins. */
  readonly offset: number;
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
}

/** Zip 2.0: deflate is all that is needed. */
const VERSION = 20;
/** CRC and sizes follow the data instead of preceding it. */
const FLAG_DATA_DESCRIPTOR = 0x0008;
const METHOD_DEFLATE = 8;

/** The record before an entry's data; CRC, sizes, DOS time and date are 0 (reference 1.1). */
export function localHeader(name: string): Buffer {
  const record = Buffer.alloc(30);
  record.writeUInt32LE(0x04034b50, 0);
  record.writeUInt16LE(VERSION, 4);
  record.writeUInt16LE(FLAG_DATA_DESCRIPTOR, 6);
  record.writeUInt16LE(METHOD_DEFLATE, 8);
  record.writeUInt16LE(name.length, 26);
  return Buffer.concat([record, Buffer.from(name, 'latin1')]);
}

/** The record after an entry's data, with its signature. */
export function dataDescriptor(entry: ZipEntry): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt32LE(0x08074b50, 0);
  record.writeUInt32LE(entry.crc32, 4);
  record.writeUInt32LE(entry.compressedSize, 8);
  record.writeUInt32LE(entry.size, 12);
  return record;
}

/** The directory at the end: one record an entry, then the end record. `offset` is where it begins. */
export function centralDirectory(entries: readonly ZipEntry[], offset: number): Buffer {
  const records = Buffer.concat(entries.map(directoryRecord));
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(records.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([records, end]);
}

function directoryRecord(entry: ZipEntry): Buffer {
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(VERSION, 4);
  record.writeUInt16LE(VERSION, 6);
  record.writeUInt16LE(FLAG_DATA_DESCRIPTOR, 8);
  record.writeUInt16LE(METHOD_DEFLATE, 10);
  record.writeUInt32LE(entry.crc32, 16);
  record.writeUInt32LE(entry.compressedSize, 20);
  record.writeUInt32LE(entry.size, 24);
  record.writeUInt16LE(entry.name.length, 28);
  record.writeUInt32LE(entry.offset, 42);
  return Buffer.concat([record, Buffer.from(entry.name, 'latin1')]);
}
