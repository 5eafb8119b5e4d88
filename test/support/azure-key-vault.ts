/** A small Azure Key Vault: real HTTPS under its own name, real keys, and the documented wire of keys, challenges and errors. */
import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, type Server } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { json } from 'node:stream/consumers';
import { p256 } from '@noble/curves/nist.js';
import type { AzureAccess } from '../../src/platform/key-manager/azure-vault.ts';
import { signDigest } from '../../src/platform/key-manager/sign-digest.ts';
import { TestCa } from '../platform/grpc/certificates.ts';

/** Made once: RSA keys take their time. */
const ca = new TestCa('key vault test CA');
const certificate = ca.issue({ dns: ['*.vault.azure.net'] });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

/** A request as it came. */
export interface VaultRequest {
  readonly method: string;
  /** Without the host and the API's version. */
  readonly path: string;
  readonly apiVersion: string | null;
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer. */
export interface VaultReply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One version of a key. */
export interface VaultVersion {
  readonly version: string;
  readonly kty: string;
  readonly crv: string | undefined;
  readonly keySize: unknown;
  readonly keyOps: unknown;
  readonly privateKey: KeyObject;
  attributes: { enabled: boolean; created: number; nbf?: number; exp?: number };
}

const epoch = Date.UTC(2026, 0, 1) / 1000;

/** A running vault. */
export class FakeKeyVault implements AsyncDisposable {
  readonly requests: VaultRequest[] = [];
  /** Versions, oldest first. */
  readonly keys = new Map<string, VaultVersion[]>();
  /** Tokens that it takes. */
  readonly tokens = new Set(['good-token']);
  /** Whom tokens are for, as its challenge says. */
  resource = 'https://vault.azure.net';
  /** What is answered instead, after the challenge; undefined = the ordinary answer. */
  interfere: (request: VaultRequest) => VaultReply | 'silence' | undefined = () => undefined;
  /** When the next version is made, in seconds after the first. */
  nextCreated = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts it; use it with `await using`. */
  static async start(): Promise<FakeKeyVault> {
    const server = createServer(certificate);
    const vault = new FakeKeyVault(server);
    server.on('request', (request, response) => void vault.#respond(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return vault;
  }

  get url(): string {
    return `https://enmesh.vault.azure.net:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** As whom and how it is reached: its name leads here. */
  access(timeoutMs = 20_000, roots = ca.cert): AzureAccess & { readonly scopes: string[] } {
    const scopes: string[] = [];
    const credential: AzureAccess['credential'] = {
      getToken: (scope) => {
        scopes.push(...[scope].flat());
        return Promise.resolve({ token: 'good-token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER });
      },
    };
    const lookup = ((_name: string, options: { all?: boolean }, callback: (...found: unknown[]) => void) => {
      const here = { address: '127.0.0.1', family: 4 };
      if (options.all === true) callback(null, [here]);
      else callback(null, here.address, here.family);
    }) as LookupFunction;
    const agent = new Agent({ lookup, ca: roots });
    return { credential, timeoutMs, clientOptions: { agent }, scopes };
  }

  /** A version of a key as an operator would make it. */
  addVersion(name: string, { kty = 'EC', crv, ...asked }: Readonly<Record<string, unknown>> = {}): VaultVersion {
    const curve = typeof crv === 'string' ? crv : 'P-256';
    const isRsa = String(kty).startsWith('RSA');
    const added: VaultVersion = {
      version: randomBytes(16).toString('hex'),
      kty: String(kty),
      crv: isRsa ? undefined : curve,
      keySize: asked.key_size,
      keyOps: asked.key_ops ?? (isRsa ? ['wrapKey', 'unwrapKey'] : ['sign', 'verify']),
      privateKey: isRsa ? rsa : generateKeyPairSync('ec', { namedCurve: curve }).privateKey,
      attributes: { enabled: true, created: epoch + this.nextCreated++ },
    };
    this.keys.set(name, [...(this.keys.get(name) ?? []), added]);
    return added;
  }

  /** Requests of an operation that got past the challenge. */
  seen(operation: RegExp): readonly VaultRequest[] {
    return this.requests.filter(({ path, authorization }) => authorization !== undefined && operation.test(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    const hasBody = request.method === 'POST' && request.headers['content-length'] !== '0';
    const seen: VaultRequest = {
      method: request.method ?? '',
      path: pathname + (searchParams.has('skip') ? `?skip=${searchParams.get('skip')!}` : ''),
      apiVersion: searchParams.get('api-version'),
      authorization: request.headers.authorization,
      body: hasBody ? ((await json(request)) as VaultRequest['body']) : {},
    };
    this.requests.push(seen);
    const isKnown = this.tokens.has(seen.authorization?.replace(/^Bearer /, '') ?? '');
    const reply = isKnown ? (this.interfere(seen) ?? this.#answer(seen)) : this.#challenge();
    if (reply === 'silence') return;
    response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  }

  #challenge(): VaultReply {
    const tenant = 'https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000';
    const header = `Bearer authorization="${tenant}", resource="${this.resource}"`;
    return { ...vaultFault(401, 'Unauthorized'), headers: { 'www-authenticate': header } };
  }

  #answer({ method, path, apiVersion, body }: VaultRequest): VaultReply {
    if (!/^\d{4}-\d{2}-\d{2}$|^7\.\d$/.test(apiVersion ?? '')) return vaultFault(400, 'BadParameter');
    if (path.startsWith('/keys?') || path === '/keys' || path === '/keys/') return this.#page(path);
    const [, , name = '', second = '', operation] = path.split('/');
    if (method === 'POST' && second === 'create') return this.#bundle(name, this.addVersion(name, body));
    const versions = this.keys.get(name) ?? [];
    if (second === 'versions') {
      const value = versions.map(({ version, attributes }) => ({ kid: this.#kid(name, version), attributes }));
      return { status: 200, body: { value, nextLink: null } };
    }
    const found = second === '' ? versions.at(-1) : versions.find(({ version }) => version === second);
    if (found === undefined) return vaultFault(404, 'KeyNotFound');
    if (operation === undefined || operation === '') return this.#bundle(name, found);
    if (!found.attributes.enabled) return vaultFault(403, 'Forbidden', 'KeyDisabled');
    const value = Buffer.from(String(body.value), 'base64url');
    const result = operate(`${operation} ${String(body.alg)}`, found, value);
    if (result === undefined) return vaultFault(400, 'BadParameter');
    return { status: 200, body: { kid: this.#kid(name, found.version), value: result.toString('base64url') } };
  }

  /** Two keys a page. */
  #page(path: string): VaultReply {
    const skip = Number(/skip=(\d+)/.exec(path)?.[1] ?? 0);
    const names = [...this.keys.keys()];
    const value = names.slice(skip, skip + 2).map((name) => ({ kid: `${this.url}/keys/${name}`, attributes: {} }));
    const rest = `${this.url}/keys?skip=${String(skip + 2)}&api-version=7.5`;
    return { status: 200, body: { value, nextLink: names.length > skip + 2 ? rest : null } };
  }

  #kid(name: string, version: string): string {
    return `${this.url}/keys/${name}/${version}`;
  }

  #bundle(name: string, { version, kty, crv, keyOps, privateKey, attributes }: VaultVersion): VaultReply {
    const { x, y, n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
    const key = {
      kid: this.#kid(name, version),
      kty,
      key_ops: keyOps,
      ...(crv === undefined ? { n, e } : { crv, x, y }),
    };
    return { status: 200, body: { key, attributes: { ...attributes, updated: attributes.created } } };
  }
}

/** As the service words it. */
export function vaultFault(status: number, code: string, inner?: string): VaultReply {
  const innererror = inner === undefined ? {} : { innererror: { code: inner } };
  return { status, body: { error: { code, message: `what the service says of ${code}`, ...innererror } } };
}

/** `sign ES256`, `wrapkey RSA-OAEP-256`, `unwrapkey RSA-OAEP-256`; undefined for what cannot be done. */
function operate(operation: string, { privateKey }: VaultVersion, value: Buffer): Buffer | undefined {
  const oaep = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  try {
    switch (operation) {
      case 'sign ES256': {
        const signature = p256.Signature.fromBytes(signDigest(privateKey, value), 'der');
        return Buffer.from(signature.toBytes('compact'));
      }
      case 'wrapkey RSA-OAEP-256':
        return publicEncrypt({ ...oaep, key: createPublicKey(privateKey) }, value);
      case 'unwrapkey RSA-OAEP-256':
        return privateDecrypt(oaep, value);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}
