/** Short texts for what is not an answer of the API. */
import type { FastifyReply } from 'fastify';

const texts = {
  403: '403 forbidden\n',
  404: '404 page not found\n',
  405: '405 method not allowed\n',
  500: '500 internal server error\n',
  503: '503 service unavailable\n',
} as const;

/** Sends a status with a fixed text, as the deployed server words its 404 (reference 1.1); never cached. */
export function sendPlain(reply: FastifyReply, status: keyof typeof texts): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'text/plain; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(Buffer.from(texts[status]));
}
