/** A key as a person writes it. */
import { AppError } from '../domain/errors.ts';
import { KEY_LENGTH } from '../domain/export-file/format.ts';
import type { Io } from './io.ts';

/** No way to write a key is longer. */
const longestText = 100;

/**
 * Reads 16 bytes in hex, base64 or base64url, padded or not; space around them does not count.
 * @param text `-` reads it from the standard input
 * @throws AppError `invalid`/`invalid_usage`, which never repeats the text: it may be a key
 */
export async function readExposureKey(io: Io, text: string): Promise<Buffer> {
  const key = parseExposureKey((text === '-' ? await readText(io.stdin) : text).trim());
  if (key !== null) return key;
  throw new AppError('invalid', 'invalid_usage', 'a key is 16 bytes, written in base64, base64url or hex');
}

/** Null for anything else; 16 bytes are 32 hex digits or 22 base64 ones, so no text is both. */
export function parseExposureKey(text: string): Buffer | null {
  if (/^[0-9a-f]{32}$/i.test(text)) return Buffer.from(text, 'hex');
  if (!/^[\w+/-]{22}(==)?$/.test(text)) return null;
  const key = Buffer.from(text, 'base64');
  return key.length === KEY_LENGTH ? key : null;
}

async function readText(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += Buffer.from(chunk).toString('latin1');
    if (text.length > longestText) break;
  }
  return text;
}
