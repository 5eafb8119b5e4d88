/** ES256 signatures in the form that OpenSSL reads by itself; Node's own conversion costs half as much again as the check. */

/** r and s in big endian, 32 bytes each, as in a JWS. */
const rawLength = 64;
const numberLength = rawLength / 2;

/** The same signature in DER; undefined = it is none, as when it was in DER already. */
export function derSignature(raw: Buffer): Buffer | undefined {
  if (raw.length !== rawLength) return undefined;
  const body = Buffer.concat([derInteger(raw.subarray(0, numberLength)), derInteger(raw.subarray(numberLength))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

/** A positive number in its shortest form. */
function derInteger(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const sign = (bytes[start] ?? 0) >= 0x80 ? [0] : [];
  return Buffer.concat([Buffer.of(0x02, sign.length + bytes.length - start, ...sign), bytes.subarray(start)]);
}
