/** A health authority's JWKS endpoint: real HTTPS on loopback, with a certificate authority of its own. */
import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FetchSettings } from '../../../src/server/jwks/fetch-document.ts';
import { TestCa } from '../../platform/grpc/certificates.ts';

/** Made once: RSA keys take their time. */
const ca = new TestCa('jwks test CA');
const certificate = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });

/** Settings under which the issuers of this file can be read, and no public address matters. */
export const trustingSettings: FetchSettings = {
  timeoutMs: 10_000,
  ca: ca.cert,
  allowPrivateAddresses: true,
  allowLoopback: false,
};

/** A running endpoint. */
export interface Issuer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Requests so far. */
  readonly requests: number;
  /** What it answers from now on. */
  answer(with_: unknown): void;
}

/** How it is run. */
export interface IssuerOptions {
  /** Plain http. */
  readonly isPlain?: boolean;
  /** In place of an answer. */
  readonly listener?: RequestListener;
}

/** Starts it; use it with `await using`. A string is answered as it is, everything else as JSON. */
export async function startIssuer(answer: unknown, { isPlain, listener }: IssuerOptions = {}): Promise<Issuer> {
  let current = answer;
  let requests = 0;
  const respond: RequestListener = (request, response) => {
    requests += 1;
    if (listener) listener(request, response);
    else response.end(typeof current === 'string' ? current : JSON.stringify(current));
  };
  const server: Server = isPlain === true ? createPlainServer(respond) : createServer(certificate, respond);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `${isPlain === true ? 'http' : 'https'}://localhost:${String(port)}/jwks.json`,
    port,
    get requests() {
      return requests;
    },
    answer: (with_) => {
      current = with_;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A key pair of a health authority. */
export interface AuthorityKeyPair {
  readonly privateKey: KeyObject;
  readonly publicKeyPem: string;
  /** JWK members without a `kid`. */
  readonly jwk: JsonWebKey;
}

/** Makes one. */
export function makeKeyPair(namedCurve = 'P-256'): AuthorityKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { privateKey, publicKeyPem, jwk: publicKey.export({ format: 'jwk' }) };
}

/** A JWK with its `kid`. */
export function jwkOf(kid: string, { jwk }: AuthorityKeyPair): JsonWebKey {
  return { kid, ...jwk };
}
