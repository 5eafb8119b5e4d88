/** Who `enmesh dev` is to partners: the issuer that its own gateway describes. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { hostAndPort, hostOfTarget, isLoopback } from '../../platform/config/address.ts';
import type { Values } from '../../platform/config/load.ts';

/** Below the ports that systems give out by themselves, so that nobody takes one before the gateway does. */
const [firstPort, ports, tries] = [20_000, 10_000, 50];

/**
 * Values in which ENMESH_IDENTITY_ISSUER is the gateway's URL, unless it is set or the URL would be plain http to another
 * machine. A gateway on any free port gets one now: the issuer's name is wanted before it listens.
 */
export async function withIdentity(values: Values): Promise<Values> {
  if (values.ENMESH_IDENTITY_ISSUER !== undefined || values.ENMESH_IDENTITY_SOURCE !== 'own') return values;
  const { host, port } = values.ENMESH_GATEWAY_ADDRESS;
  const address = { host, port: port === 0 ? await freePort(host) : port };
  const scheme = values.ENMESH_GATEWAY_TLS_CERT === undefined ? 'http' : 'https';
  const place = hostAndPort(address);
  const isUsable = scheme === 'https' || (values.ENMESH_UNSAFE_LOOPBACK && isLoopback(hostOfTarget(place)));
  return {
    ...values,
    ENMESH_GATEWAY_ADDRESS: address,
    ...(isUsable ? { ENMESH_IDENTITY_ISSUER: `${scheme}://${place}` } : {}),
  };
}

/** @returns 0 when none is found: then whoever listens says why */
async function freePort(host: string): Promise<number> {
  for (let count = 0; count < tries; count++) {
    const port = firstPort + Math.floor(Math.random() * ports);
    const server = createServer();
    const isFree = once(server.listen({ host, port }), 'listening').then(
      () => true,
      () => false,
    );
    if (await isFree) {
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }
  return 0;
}
