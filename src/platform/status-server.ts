/** The HTTP server for machines that watch: `/metrics`, `/healthz` (alive) and `/readyz` (ready to work). */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '../domain/errors.ts';
import type { Address } from './config/readers.ts';
import type { Running } from './lifecycle.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

/** What {@link startStatusServer} needs. */
export interface StatusServerOptions {
  readonly address: Address;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly logger: Logger;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/**
 * Listens and answers.
 * @returns the address it really listens on (port 0 = any free one)
 * @throws AppError `precondition`/`cannot_listen`
 */
export async function startStatusServer(
  options: StatusServerOptions,
): Promise<Running & { readonly address: Address }> {
  const server = createServer((request, response) => {
    void respond(request, response, async () => await answer(request, options), options.logger);
  });
  server.requestTimeout = 10_000;
  const address = await listen(server, options.address);
  options.logger.info({ ...address }, 'metrics and readiness listen');
  let stopped: Promise<void> | undefined;
  return { address, stop: () => (stopped ??= close(server)) };
}

async function answer(
  request: IncomingMessage,
  { metrics, readiness }: Pick<StatusServerOptions, 'metrics' | 'readiness'>,
): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'method not allowed' });
  switch (request.url?.split('?', 1)[0] ?? '') {
    case '/metrics':
      return { status: 200, ...(await metrics.render()) };
    case '/healthz':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const notReady = await readiness.missing();
      return notReady.length === 0 ? json(200, { status: 'ok' }) : json(503, { status: 'not_ready', notReady });
    }
    default:
      return json(404, { error: 'not found' });
  }
}

function json(status: number, body: object): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(body) };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  work: () => Promise<Answer>,
  logger: Logger,
): Promise<void> {
  let { status, contentType, body } = json(500, { error: 'internal error' });
  try {
    ({ status, contentType, body } = await work());
  } catch (err) {
    logger.error({ err }, 'a status request failed');
  }
  response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function listen(server: Server, { host, port }: Address): Promise<Address> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    throw new AppError(
      'precondition',
      'cannot_listen',
      `metrics cannot listen on ${host}:${String(port)}: is another process there, and is the address this machine's? ENMESH_METRICS_ADDRESS sets it`,
      { cause },
    );
  }
  return { host, port: (server.address() as AddressInfo).port };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
