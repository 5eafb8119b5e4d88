/** A server that answers as Google Cloud KMS documents it, over gRPC with Google's own contract: it really signs, seals and checks checksums. */
import { createCipheriv, createDecipheriv, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { loadPackageDefinition, Server, ServerCredentials, type ServiceClientConstructor, status } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import { signDigest } from '../../src/platform/key-manager/sign-digest.ts';

const protos = createRequire(import.meta.url)('@google-cloud/kms/build/protos/protos.json') as Parameters<
  typeof fromJSON
>[0];

/** Key ring that the server has. */
export const ring = 'projects/example/locations/europe-west1/keyRings/enmesh';

interface Version {
  state: string;
  readonly createTime: { readonly seconds: number };
  readonly pair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly secret: Buffer;
}

interface Key {
  readonly purpose: string;
  readonly versionTemplate: { readonly algorithm: string; readonly protectionLevel: string };
  readonly versions: Version[];
}

/** How a call goes wrong: a status, silence, or an answer that was changed on its way. */
export type Fault = { readonly code: number; readonly details: string } | 'silence' | ((answer: Answer) => void);
type Answer = Record<string, unknown>;

/** The server. */
export interface GcpKms extends AsyncDisposable {
  readonly endpoint: string;
  readonly keys: Map<string, Key>;
  /** Taken one by one by the next calls of a method, such as `AsymmetricSign`. */
  readonly faults: Map<string, Fault[]>;
  /** Methods in the order of their calls. */
  readonly calls: string[];
}

class Refusal extends Error {
  readonly code: number;
  constructor(code: number, details: string) {
    super(details);
    this.code = code;
  }
}

/** Starts it on a free port of this machine. */
export async function startGcpKms(): Promise<GcpKms> {
  const keys = new Map<string, Key>();
  const faults = new Map<string, Fault[]>();
  const calls: string[] = [];
  const server = new Server();
  const methods = methodsOf(keys);
  const packages = loadPackageDefinition(
    fromJSON(protos, { longs: String, enums: String, defaults: true, bytes: Buffer }),
  );
  const { service } = find(packages, 'google.cloud.kms.v1.KeyManagementService') as ServiceClientConstructor;
  type Reply = (error: { code: number; details: string } | null, answer?: Answer) => void;
  const handlers = Object.entries(methods).map(([name, method]) => [
    name,
    ({ request }: { request: Request }, reply: Reply): void => {
      calls.push(name);
      const fault = faults.get(name)?.shift();
      if (fault === 'silence') return;
      if (typeof fault === 'object') {
        reply(fault);
        return;
      }
      try {
        const answer = method(request);
        fault?.(answer);
        reply(null, answer);
      } catch (error) {
        const { code, message } = error as Refusal;
        reply({ code, details: message });
      }
    },
  ]);
  const unknown = Object.keys(service).filter((name) => !(name in methods));
  const others = unknown.map((name) => [name, (_: unknown, reply: Reply) => reply({ code: 12, details: name })]);
  server.addService(service, Object.fromEntries([...handlers, ...others]) as Parameters<Server['addService']>[1]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return {
    endpoint: `http://127.0.0.1:${String(port)}`,
    keys,
    faults,
    calls,
    [Symbol.asyncDispose]: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  };
}

function find(root: unknown, path: string): unknown {
  return path.split('.').reduce((at, part) => (at as Record<string, unknown>)[part], root);
}

interface Checksum {
  readonly value: string;
}

interface Request {
  readonly name: string;
  readonly parent: string;
  readonly filter: string;
  readonly cryptoKeyId: string;
  readonly cryptoKey: Pick<Key, 'purpose' | 'versionTemplate'>;
  readonly digest: { readonly sha256: Buffer } | null;
  readonly digestCrc32c: Checksum | null;
  readonly plaintext: Buffer;
  readonly plaintextCrc32c: Checksum | null;
  readonly ciphertext: Buffer;
  readonly ciphertextCrc32c: Checksum | null;
  readonly additionalAuthenticatedData: Buffer;
  readonly additionalAuthenticatedDataCrc32c: Checksum | null;
}

function methodsOf(keys: Map<string, Key>): Record<string, (request: Request) => Answer> {
  const keyAt = (path: string): Key => {
    const key = keys.get(path);
    if (key === undefined) throw new Refusal(status.NOT_FOUND, `CryptoKey ${path} not found.`);
    return key;
  };
  const versionAt = (path: string): Version => {
    const [key = '', number = ''] = path.split('/cryptoKeyVersions/');
    const version = keyAt(key).versions[Number(number) - 1];
    if (version === undefined) throw new Refusal(status.NOT_FOUND, `CryptoKeyVersion ${path} not found.`);
    return version;
  };
  const usable = (path: string, purpose: string): Version => {
    const version = versionAt(path);
    const key = keyAt(path.split('/cryptoKeyVersions/')[0] ?? '');
    if (key.purpose !== purpose) {
      throw new Refusal(status.INVALID_ARGUMENT, `CryptoKey purpose: ${key.purpose} is not ${purpose}`);
    }
    if (version.state !== 'ENABLED') {
      throw new Refusal(status.FAILED_PRECONDITION, `${path} is not enabled, current state is: ${version.state}.`);
    }
    return version;
  };
  const describeKey = (name: string): Answer => ({ name, ...keyAt(name), primary: null });
  const describeVersion = (key: string, index: number): Answer => {
    const { state, createTime } = keyAt(key).versions[index]!;
    return { name: `${key}/cryptoKeyVersions/${String(index + 1)}`, state, createTime };
  };
  return {
    GetCryptoKey: ({ name }) => describeKey(name),
    ListCryptoKeys: ({ parent }) => ({
      cryptoKeys: [...keys.keys()].filter((path) => path.startsWith(`${parent}/`)).map(describeKey),
    }),
    CreateCryptoKey: ({ parent, cryptoKeyId, cryptoKey: { purpose, versionTemplate } }) => {
      const path = `${parent}/cryptoKeys/${cryptoKeyId}`;
      if (keys.has(path)) throw new Refusal(status.ALREADY_EXISTS, `CryptoKey ${path} already exists.`);
      keys.set(path, { purpose, versionTemplate, versions: [newVersion(versionTemplate.protectionLevel)] });
      return describeKey(path);
    },
    CreateCryptoKeyVersion: ({ parent }) => {
      const { versions, versionTemplate } = keyAt(parent);
      return describeVersion(parent, versions.push(newVersion(versionTemplate.protectionLevel)) - 1);
    },
    GetCryptoKeyVersion: ({ name }) => {
      const version = versionAt(name);
      const answer = { name, state: version.state, createTime: version.createTime };
      // The hardware module is done until one asks again.
      if (version.state === 'PENDING_GENERATION') version.state = 'ENABLED';
      return answer;
    },
    ListCryptoKeyVersions: ({ parent, filter }) => ({
      cryptoKeyVersions: keyAt(parent)
        .versions.map((_, index) => describeVersion(parent, index))
        .filter(({ state }) => filter === '' || filter === `state=${String(state)}`),
    }),
    GetPublicKey: ({ name }) => {
      const pem = versionAt(name).pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
      return { name, pem, algorithm: 'EC_SIGN_P256_SHA256', pemCrc32c: checksum(Buffer.from(pem)) };
    },
    AsymmetricSign: ({ name, digest, digestCrc32c }) => {
      const version = usable(name, 'ASYMMETRIC_SIGN');
      const sha256 = digest?.sha256 ?? Buffer.alloc(0);
      const signature = Buffer.from(signDigest(version.pair.privateKey, sha256));
      return {
        name,
        signature,
        signatureCrc32c: checksum(signature),
        verifiedDigestCrc32c: verified(sha256, digestCrc32c),
      };
    },
    Encrypt: ({ name, plaintext, plaintextCrc32c, ...request }) => {
      const path = `${name}/cryptoKeyVersions/${String(keyAt(name).versions.length)}`;
      const nonce = randomBytes(12);
      const sealing = createCipheriv('aes-256-gcm', usable(path, 'ENCRYPT_DECRYPT').secret, nonce);
      sealing.setAAD(request.additionalAuthenticatedData);
      const sealed = [nonce, sealing.update(plaintext), sealing.final(), sealing.getAuthTag()];
      const ciphertext = Buffer.concat(sealed);
      return {
        name: path,
        ciphertext,
        ciphertextCrc32c: checksum(ciphertext),
        verifiedPlaintextCrc32c: verified(plaintext, plaintextCrc32c),
        verifiedAdditionalAuthenticatedDataCrc32c: verified(
          request.additionalAuthenticatedData,
          request.additionalAuthenticatedDataCrc32c,
        ),
      };
    },
    Decrypt: ({ name, ciphertext, ciphertextCrc32c, additionalAuthenticatedData }) => {
      const { secret } = usable(`${name}/cryptoKeyVersions/${String(keyAt(name).versions.length)}`, 'ENCRYPT_DECRYPT');
      if (!verified(ciphertext, ciphertextCrc32c)) throw new Refusal(status.INVALID_ARGUMENT, 'ciphertext_crc32c');
      const opening = createDecipheriv('aes-256-gcm', secret, ciphertext.subarray(0, 12));
      opening.setAAD(additionalAuthenticatedData);
      try {
        opening.setAuthTag(ciphertext.subarray(-16));
        const plaintext = Buffer.concat([opening.update(ciphertext.subarray(12, -16)), opening.final()]);
        return { plaintext, plaintextCrc32c: checksum(plaintext) };
      } catch {
        throw new Refusal(status.INVALID_ARGUMENT, 'Decryption failed: the ciphertext is invalid.');
      }
    },
  };
}

function newVersion(protectionLevel: string): Version {
  return {
    state: protectionLevel === 'HSM' ? 'PENDING_GENERATION' : 'ENABLED',
    createTime: { seconds: 1_767_225_600 },
    pair: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    secret: randomBytes(32),
  };
}

function verified(bytes: Uint8Array, claimed: Checksum | null): boolean {
  return claimed !== null && Number(claimed.value) === crc32cByBits(bytes);
}

function checksum(bytes: Uint8Array): Answer {
  return { value: crc32cByBits(bytes) };
}

/** RFC 3720, appendix B.4, bit by bit. */
function crc32cByBits(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) {
    remainder ^= byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1;
  }
  return (remainder ^ 0xffffffff) >>> 0;
}
