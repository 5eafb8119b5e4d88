/** Sends JSON as deployed clients read it, also to a client that is still sending. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { drain } from './request-body.ts';

const escapesOf: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** A JSON string with `<>&` escaped (reference 1.7), and U+2028 and U+2029 as the deployed server's encoder does. */
export function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (character) => escapesOf[character] ?? character);
}

/**
 * Sends `json`.
 * @param reply its further headers are kept
 * @param isCut the request goes on: the connection is closed, but only after the phone had time to read the answer
 */
export function sendJson(reply: FastifyReply, status: number, json: string, isCut: boolean): FastifyReply {
  const bytes = Buffer.from(json);
  reply.code(status).header('content-type', 'application/json');
  if (!isCut) return reply.send(bytes);
  return reply
    .header('connection', 'close')
    .header('content-length', String(bytes.length))
    .send(Readable.from(beforeTheRest(bytes, reply), { objectMode: false }));
}

/** A connection that is closed while its peer still sends is reset, and what was sent to him is lost. */
async function* beforeTheRest(bytes: Buffer, reply: FastifyReply): AsyncGenerator<Buffer> {
  yield bytes;
  await drain(reply.request.raw);
}
