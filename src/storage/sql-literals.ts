/** Values as SQL text, for COPY, which takes no parameters. */
import pg from 'pg';

/** A text, quoted. */
export function textLiteral(text: string): string {
  return pg.escapeLiteral(text);
}

/** An array of texts. */
export function textArrayLiteral(texts: readonly string[]): string {
  return `array[${texts.map(textLiteral).join(', ')}]::text[]`;
}

/** Bytes. */
export function byteaLiteral(bytes: Uint8Array): string {
  return `decode('${Buffer.from(bytes).toString('hex')}', 'hex')`;
}

/** A time, to the millisecond. */
export function timestampLiteral(time: Date): string {
  return `timestamptz '${time.toISOString()}'`;
}

/** A whole number that may be larger than a double holds. Throws RangeError or SyntaxError for anything else. */
export function bigintLiteral(number: string): string {
  return `${BigInt(number)}::bigint`;
}
