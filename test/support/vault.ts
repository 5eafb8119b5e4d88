/** A small Vault: real HTTP or HTTPS, real keys, and the documented wire of transit, token and Kubernetes login. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { once } from 'node:events';
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { signDigest } from '../../src/platform/key-manager/sign-digest.ts';
import { TestCa } from '../platform/grpc/certificates.ts';

/** Made once: RSA keys take their time. */
const ca = new TestCa('vault test CA');
const certificate = ca.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });

/** What signs the certificates of these servers. */
export const vaultRoots = ca.cert;

/** A request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  readonly isMarked: boolean;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An answer. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface FakeKey {
  readonly type: string;
  readonly derived: boolean;
  minEncryptionVersion: number;
  readonly versions: { readonly createdAt: Date; readonly signer: KeyObject; readonly secret: Buffer }[];
}

/** A running Vault. */
export class FakeVault implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly keys = new Map<string, FakeKey>();
  /** Who may do everything: token → life in seconds, and whether it can be renewed. */
  readonly tokens = new Map<string, { ttl: number; renewable: boolean }>([
    ['root-token', { ttl: 0, renewable: false }],
  ]);
  /** Service account tokens that may log in, and the tokens that they get. */
  readonly logins = new Map<string, readonly string[]>();
  /** Paths that no policy allows. */
  readonly forbidden = new Set<string>();
  /** What is answered instead; undefined = the ordinary answer. */
  interfere: (request: SeenRequest) => Reply | 'silence' | undefined = () => undefined;
  /** What stands between it and whoever asks, such as an agent. */
  rewrite: (request: SeenRequest) => SeenRequest = (request) => request;
  readonly replies: Reply[] = [];
  readonly mount: string;
  readonly #server: Server;
  readonly #isPlain: boolean;
  #count = 0;

  private constructor(server: Server, { isPlain, mount }: { readonly isPlain: boolean; readonly mount: string }) {
    this.#server = server;
    this.#isPlain = isPlain;
    this.mount = mount;
  }

  /** Starts it; use it with `await using`. */
  static async start({ isPlain = false, mount = 'transit' } = {}): Promise<FakeVault> {
    const server = isPlain ? createPlainServer() : createServer(certificate);
    const vault = new FakeVault(server, { isPlain, mount });
    server.on('request', (request, response) => void vault.#respond(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return vault;
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#isPlain ? 'http' : 'https'}://127.0.0.1:${String(port)}`;
  }

  /** Requests below a path of the engine. */
  seen(path: string): readonly SeenRequest[] {
    return this.requests.filter((request) => request.path === `/v1/${this.mount}/${path}`);
  }

  /** A key as an operator would make it. */
  addKey(name: string, type: string, { derived = false } = {}): FakeKey {
    const key: FakeKey = { type, derived, minEncryptionVersion: 0, versions: [] };
    this.keys.set(name, key);
    this.#addVersion(key);
    return key;
  }

  /** A further version, as an operator would make it. */
  rotate(name: string): void {
    this.#addVersion(this.keys.get(name)!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #addVersion(key: FakeKey): void {
    const namedCurve = key.type === 'ecdsa-p384' ? 'P-384' : 'P-256';
    const signer = generateKeyPairSync('ec', { namedCurve }).privateKey;
    const createdAt = new Date(Date.UTC(2026, 0, 1, 0, 0, ++this.#count));
    key.versions.push({ createdAt, signer, secret: randomBytes(32) });
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search } = new URL(request.url ?? '/', 'http://vault');
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: `${pathname}${search}`,
      token: request.headers['x-vault-token']?.toString(),
      namespace: request.headers['x-vault-namespace']?.toString(),
      isMarked: request.headers['x-vault-request'] === 'true',
      body: request.method === 'POST' ? ((await json(request)) as SeenRequest['body']) : {},
    };
    this.requests.push(seen);
    const reply = this.interfere(seen) ?? this.#answer(this.rewrite(seen));
    if (reply === 'silence') return;
    this.replies.push(reply);
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  }

  #answer(request: SeenRequest): Reply {
    const { path, token, body } = request;
    const parts = path.replace('/v1/', '').split('/');
    if (parts[0] === 'auth' && parts.at(-1) === 'login') return this.#logIn(body);
    const known = this.tokens.get(token ?? '');
    if (known === undefined || this.forbidden.has(path)) return refusal(403, 'permission denied');
    if (path === '/v1/auth/token/lookup-self') return { status: 200, body: { data: known } };
    if (path === '/v1/auth/token/renew-self') {
      const auth = { client_token: token, lease_duration: known.ttl, renewable: known.renewable };
      return known.renewable ? { status: 200, body: { auth } } : refusal(400, 'lease is not renewable');
    }
    const inMount = path.startsWith(`/v1/${this.mount}/`);
    if (!inMount) return refusal(404, `no handler for route "${path}". route entry not found.`);
    return this.#transit(request, path.slice(`/v1/${this.mount}/`.length));
  }

  #logIn({ jwt, role }: SeenRequest['body']): Reply {
    const [next, ...others] = this.logins.get(`${String(role)} ${String(jwt)}`) ?? [];
    if (next === undefined) return refusal(403, 'permission denied');
    this.logins.set(`${String(role)} ${String(jwt)}`, others);
    this.tokens.set(next, { ttl: 60, renewable: true });
    return { status: 200, body: { auth: { client_token: next, lease_duration: 60, renewable: true } } };
  }

  #transit({ method, body }: SeenRequest, path: string): Reply {
    if (path === 'keys?list=true') {
      const keys = [...this.keys.keys()];
      return keys.length === 0 ? { status: 404, body: { errors: [] } } : { status: 200, body: { data: { keys } } };
    }
    const [verb = '', name = '', rest] = path.split('/');
    const key = this.keys.get(name);
    if (verb === 'keys') return this.#keys({ method, name, rest, type: String(body.type) }, key);
    if (key === undefined) return refusal(400, 'encryption key not found');
    if (verb === 'sign') return rest === 'sha2-256' ? sign(key, body) : refusal(400, 'invalid hash algorithm');
    if (verb === 'encrypt') return encrypt(key, body);
    return verb === 'decrypt' ? decrypt(key, body) : refusal(404, 'unsupported path');
  }

  #keys(
    { method, name, rest, type }: { method: string; name: string; rest: string | undefined; type: string },
    key: FakeKey | undefined,
  ): Reply {
    if (method === 'GET')
      return key ? { status: 200, body: { data: described(name, key) } } : { status: 404, body: { errors: [] } };
    if (rest === 'rotate') {
      if (key === undefined) return refusal(400, 'key not found');
      this.#addVersion(key);
    } else if (key === undefined) {
      this.addKey(name, type);
    }
    return { status: 200, body: { data: described(name, this.keys.get(name)!) } };
  }
}

function refusal(status: number, ...errors: readonly string[]): Reply {
  return { status, body: { errors } };
}

/** As `formatKeyPolicy` of Vault has it. */
function described(name: string, key: FakeKey): unknown {
  const isSymmetric = /gcm|poly/.test(key.type);
  const keys = key.versions.map(({ createdAt, signer }, index) => {
    const publicKey = createPublicKey(signer).export({ type: 'spki', format: 'pem' });
    const entry = {
      name: 'P-256',
      public_key: publicKey,
      certificate_chain: '',
      creation_time: createdAt.toISOString(),
    };
    return [String(index + 1), isSymmetric ? createdAt.getTime() / 1000 : entry] as const;
  });
  return {
    name,
    type: key.type,
    derived: key.derived,
    latest_version: key.versions.length,
    min_available_version: 0,
    min_decryption_version: 1,
    min_encryption_version: key.minEncryptionVersion,
    keys: Object.fromEntries(keys),
  };
}

function sign(key: FakeKey, body: SeenRequest['body']): Reply {
  const version = Number(body.key_version ?? key.versions.length);
  const signer = key.versions[version - 1]?.signer;
  if (signer === undefined) return refusal(400, 'requested version for signing is higher than the latest key version');
  if (body.prehashed !== true || body.marshaling_algorithm !== 'asn1')
    return refusal(400, 'the test wants other words');
  const signature = signDigest(signer, Buffer.from(String(body.input), 'base64'));
  const text = `vault:v${String(version)}:${Buffer.from(signature).toString('base64')}`;
  return { status: 200, body: { data: { signature: text, key_version: version } } };
}

/** AES-256-GCM with a 96-bit nonce before the ciphertext; derived keys by an HMAC of the context. */
function encrypt(key: FakeKey, body: SeenRequest['body']): Reply {
  if (key.derived && body.context === undefined) return refusal(400, 'missing "context" for key derivation');
  const version = key.versions.length;
  const nonce = randomBytes(12);
  const sealing = createCipheriv('aes-256-gcm', secretOf(key, version, body), nonce);
  sealing.setAAD(bytesOf(body.associated_data));
  const sealed = [sealing.update(Buffer.from(String(body.plaintext), 'base64')), sealing.final()];
  const text = Buffer.concat([nonce, ...sealed, sealing.getAuthTag()]).toString('base64');
  return { status: 200, body: { data: { ciphertext: `vault:v${String(version)}:${text}`, key_version: version } } };
}

function decrypt(key: FakeKey, body: SeenRequest['body']): Reply {
  const [, version = '', text = ''] = /^vault:v(\d+):(.*)$/.exec(String(body.ciphertext)) ?? [];
  const bytes = Buffer.from(text, 'base64');
  if (key.versions[Number(version) - 1] === undefined) return refusal(400, 'invalid ciphertext: version is too new');
  try {
    const opening = createDecipheriv('aes-256-gcm', secretOf(key, Number(version), body), bytes.subarray(0, 12));
    opening.setAAD(bytesOf(body.associated_data));
    opening.setAuthTag(bytes.subarray(-16));
    const plaintext = Buffer.concat([opening.update(bytes.subarray(12, -16)), opening.final()]).toString('base64');
    return { status: 200, body: { data: { plaintext } } };
  } catch {
    return refusal(400, 'cipher: message authentication failed');
  }
}

function bytesOf(text: unknown): Buffer {
  return Buffer.from(typeof text === 'string' ? text : '', 'base64');
}

function secretOf(key: FakeKey, version: number, { context }: SeenRequest['body']): Buffer {
  const { secret } = key.versions[version - 1]!;
  return key.derived
    ? createHmac('sha256', secret)
        .update(Buffer.from(String(context), 'base64'))
        .digest()
    : secret;
}
