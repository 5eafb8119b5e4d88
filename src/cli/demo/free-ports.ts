/** Ports of loopback that nobody listens on. */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below the ports that systems give to connections of their own (IANA 49152 and up, Linux 32768 and up). */
const [lowest, highest] = [20_000, 32_000];

/**
 * So many different ports that are free now: nobody who asks the system for any port gets one of them meanwhile.
 *
 * @throws Error where a hundred in a row are taken
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = new Map<number, Server>();
  for (let tries = 0; servers.size < count; tries++) {
    const port = randomInt(lowest, highest);
    try {
      servers.set(port, await listen(port));
    } catch (error) {
      if (tries > 100 + count) throw error;
    }
  }
  await Promise.all([...servers.values()].map(close));
  return [...servers.keys()];
}

async function listen(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.close(() => resolve()));
}
