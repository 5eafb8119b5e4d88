/** A request body that a person names: a file, or the standard input. */
import { createReadStream } from 'node:fs';
import { AppError } from '../../domain/errors.ts';
import type { Io } from '../io.ts';

/** More than sixteen times what a gateway reads. */
const longest = 1024 * 1024;

/**
 * Reads the body, byte by byte as it is.
 * @param file `-` is the standard input
 * @throws AppError `invalid_configuration` when it cannot be read, or is larger than 1 MiB
 */
export async function readRequestBody(io: Io, file: string): Promise<Buffer> {
  const named = file === '-' ? 'the standard input' : file;
  const source: AsyncIterable<Uint8Array> = file === '-' ? io.stdin : createReadStream(file);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > longest) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new AppError('invalid', 'invalid_configuration', `${named} cannot be read; name a file with the body`, {
      cause: error,
    });
  }
  if (size <= longest) return Buffer.concat(chunks, size);
  throw new AppError(
    'invalid',
    'invalid_configuration',
    `${named} holds more than 1 MiB; a gateway reads 64,000 bytes`,
  );
}
