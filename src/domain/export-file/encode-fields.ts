/** Protobuf fields of the small parts of an export file: header and signatures. */

const wireVarint = 0;
const wireFixed64 = 1;
const wireBytes = 2;

/** A field of unsigned varint kind; `value` is a whole number ≥ 0. */
export function varintField(field: number, value: number): Buffer {
  return Buffer.from([...varint(field * 8 + wireVarint), ...varint(value)]);
}

/** A `fixed64` field. */
export function fixed64Field(field: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Buffer.concat([Buffer.from(varint(field * 8 + wireFixed64)), bytes]);
}

/** A `string`, `bytes` or message field. */
export function bytesField(field: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([...varint(field * 8 + wireBytes), ...varint(bytes.length)]), bytes]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}
