/** A small real OIDC issuer: discovery and JWKS over http on loopback, tokens signed by keys of its own. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';

/** How a token is made. */
export interface TokenOptions {
  /** Of the header; the present key's when not given, none when null. */
  readonly kid?: string | null;
  /** Of the claims that are not given: when the token is made. */
  readonly now?: Date;
}

/** A running issuer. */
export interface TestIssuer extends AsyncDisposable {
  /** Its name and URL, `http://127.0.0.1:PORT`. */
  readonly issuer: string;
  /** Of the present key. */
  readonly kid: string;
  /** What it publishes of its keys. */
  readonly jwks: { readonly keys: readonly JWK[] };
  /** Paths that were asked for so far. */
  readonly requests: readonly string[];
  /** Signed by the present key; `iss`, `iat`, `exp` (an hour) and `jti` are filled in, undefined leaves a claim out. */
  token(claims: JWTPayload, options?: TokenOptions): Promise<string>;
  /** A new key signs from now on; the old ones stay published. */
  rotate(): Promise<void>;
  /** Old keys are published no longer. */
  forgetOldKeys(): void;
  /** Takes the place of its answers; undefined = it answers by itself again. */
  answerWith(listener: RequestListener | undefined): void;
  close(): Promise<void>;
}

interface IssuerKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

/** How it is run. */
export interface IssuerOptions {
  /** Of its keys: ES256 unless this says otherwise. */
  readonly alg?: 'ES256' | 'RS256' | 'PS256' | 'EdDSA';
}

/** Starts it; use it with `await using`. */
export async function startIssuer({ alg = 'ES256' }: IssuerOptions = {}): Promise<TestIssuer> {
  let keys = [await newKey(alg)];
  let replacement: RequestListener | undefined;
  const requests: string[] = [];
  const jwks = () => ({ keys: keys.map(({ jwk }) => jwk) });
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    if (replacement !== undefined) {
      replacement(request, response);
      return;
    }
    const documents: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/jwks` },
      '/jwks': jwks(),
    };
    const document = documents[request.url ?? ''];
    response.statusCode = document === undefined ? 404 : 200;
    response.end(JSON.stringify(document ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    issuer,
    get kid() {
      return keys[0]!.kid;
    },
    get jwks() {
      return jwks();
    },
    requests,
    token: async (claims, { kid = keys[0]!.kid, now = new Date() } = {}) => {
      const iat = Math.floor(now.getTime() / 1000);
      const payload = { iss: issuer, iat, exp: iat + 3600, jti: randomUUID(), ...claims };
      const header = { alg, typ: 'JWT', ...(kid === null ? {} : { kid }) };
      return await new SignJWT(payload).setProtectedHeader(header).sign(keys[0]!.privateKey);
    },
    rotate: async () => {
      keys = [await newKey(alg), ...keys];
    },
    forgetOldKeys: () => {
      keys = keys.slice(0, 1);
    },
    answerWith: (listener) => {
      replacement = listener;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function newKey(alg: NonNullable<IssuerOptions['alg']>): Promise<IssuerKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}
