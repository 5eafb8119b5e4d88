/** Sends a publish answer in the one shape that deployed phones read, real and chaff alike. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { PublishAnswer } from './answer.ts';
import { drain } from './request-body.ts';

const escapesOf: Readonly<Record<string, string>> = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' };

/** Members in the order of reference 1.7, empty ones left out, `<>&` escaped, no newline at the end. */
export function renderAnswer(answer: PublishAnswer, padding: string): string {
  const members: string[] = [];
  if (answer.revisionToken) members.push(`"revisionToken":${jsonString(answer.revisionToken)}`);
  if (answer.insertedExposures) members.push(`"insertedExposures":${String(answer.insertedExposures)}`);
  if (answer.error) members.push(`"error":${jsonString(answer.error)}`);
  if (answer.code) members.push(`"code":${jsonString(answer.code)}`);
  if (padding) members.push(`"padding":"${padding}"`);
  if (answer.warnings?.length) members.push(`"warnings":[${answer.warnings.map(jsonString).join()}]`);
  return `{${members.join()}}`;
}

function jsonString(text: string): string {
  return JSON.stringify(text).replace(/[<>&]/g, (character) => escapesOf[character] ?? character);
}

/**
 * Sends `json`.
 * @param reply its further headers are kept
 * @param isCut the request goes on: the connection is closed, but only after the phone had time to read the answer
 */
export function sendJson(reply: FastifyReply, status: number, json: string, isCut: boolean): FastifyReply {
  const bytes = Buffer.from(json);
  reply.code(status).header('content-type', 'application/json').header('x-api-version', 'v1');
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
