/** The calls of Google Cloud KMS that a key manager needs: one try each, limited in time, checksums both ways, errors of ours. */
import type { KeyManagementServiceClient as Client, protos } from '@google-cloud/kms';
import { AppError } from '../../domain/errors.ts';
import { managerUnavailable } from './faults.ts';
import { crc32c } from './gcp-crc32c.ts';
import { gcpFault } from './gcp-faults.ts';

/** A key as the service describes it. */
export type CryptoKey = protos.google.cloud.kms.v1.ICryptoKey;
/** A version as the service describes it. */
export type CryptoKeyVersion = protos.google.cloud.kms.v1.ICryptoKeyVersion;

/** Where a key is, and what its operator calls it. */
interface Target {
  readonly name: string;
  readonly path: string;
}

/** A key to be. */
interface NewKey {
  readonly name: string;
  readonly ring: string;
  readonly id: string;
  readonly key: CryptoKey;
}

const pageSize = 100;
/** Lists stop here. */
const mostPages = 10;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextPageToken?: string | null | undefined;
}

/** One client at a time. */
export class GcpCalls {
  readonly #openClient: () => Client;
  #ready: Promise<Client> | undefined;
  readonly #options: { readonly timeout: number; readonly retry: null };

  constructor(openClient: () => Client, timeoutMs: number) {
    this.#openClient = openClient;
    // Tried again by whoever calls, with a limit to the whole.
    this.#options = { timeout: timeoutMs, retry: null };
  }

  /** Undefined when there is no such key. */
  async key({ name, path }: Target): Promise<CryptoKey | undefined> {
    const answer = this.#ask(name, 'cloudkms.cryptoKeys.get', (client) =>
      client.getCryptoKey({ name: path }, this.#options),
    );
    return await unlessRefusedAs('key_not_found', answer);
  }

  async keys(ring: string): Promise<readonly CryptoKey[]> {
    return await readPages(async (pageToken) => {
      const request = { parent: ring, pageSize, pageToken };
      const call = (client: Client) => client.listCryptoKeys(request, { ...this.#options, autoPaginate: false });
      const [items, , page] = await this.#asked('*', 'cloudkms.cryptoKeys.list', call);
      return { items, nextPageToken: page.nextPageToken };
    });
  }

  /** False when there is one already. */
  async createKey({ ring, id, name, key }: NewKey): Promise<boolean> {
    const request = { parent: ring, cryptoKeyId: id, cryptoKey: key };
    const answer = this.#ask(name, 'cloudkms.cryptoKeys.create', (client) =>
      client.createCryptoKey(request, this.#options),
    );
    return (await unlessRefusedAs('key_exists', answer)) !== undefined;
  }

  async version({ name, path }: Target): Promise<CryptoKeyVersion> {
    const call = (client: Client) => client.getCryptoKeyVersion({ name: path }, this.#options);
    return await this.#ask(name, 'cloudkms.cryptoKeyVersions.get', call);
  }

  async enabledVersions({ name, path }: Target): Promise<readonly CryptoKeyVersion[]> {
    return await readPages(async (pageToken) => {
      const request = { parent: path, pageSize, pageToken, filter: 'state=ENABLED' };
      const call = (client: Client) => client.listCryptoKeyVersions(request, { ...this.#options, autoPaginate: false });
      const [items, , page] = await this.#asked(name, 'cloudkms.cryptoKeyVersions.list', call);
      return { items: items.filter(({ state }) => state === 'ENABLED'), nextPageToken: page.nextPageToken };
    });
  }

  async createVersion({ name, path }: Target): Promise<CryptoKeyVersion> {
    const call = (client: Client) =>
      client.createCryptoKeyVersion({ parent: path, cryptoKeyVersion: {} }, this.#options);
    return await this.#ask(name, 'cloudkms.cryptoKeyVersions.create', call);
  }

  /** SPKI PEM. */
  async publicKey({ name, path }: Target): Promise<string> {
    const call = (client: Client) => client.getPublicKey({ name: path }, this.#options);
    const answer = await this.#ask(name, 'cloudkms.cryptoKeyVersions.viewPublicKey', call);
    const pem = answer.pem ?? '';
    check(answer.name === path && isIntact(Buffer.from(pem), answer.pemCrc32c));
    return pem;
  }

  /** ASN.1 DER. */
  async sign({ name, path }: Target, digest: Uint8Array): Promise<Uint8Array> {
    const request = { name: path, digest: { sha256: digest }, digestCrc32c: checksum(digest) };
    const call = (client: Client) => client.asymmetricSign(request, this.#options);
    const answer = await this.#ask(name, 'cloudkms.cryptoKeyVersions.useToSign', call);
    const signature = bytesOf(answer.signature);
    check(answer.name === path && answer.verifiedDigestCrc32c === true && isIntact(signature, answer.signatureCrc32c));
    return signature;
  }

  async encrypt({ name, path }: Target, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const request = { name: path, plaintext, plaintextCrc32c: checksum(plaintext), ...authenticated(aad) };
    const call = (client: Client) => client.encrypt(request, this.#options);
    const answer = await this.#ask(name, 'cloudkms.cryptoKeyVersions.useToEncrypt', call);
    const ciphertext = bytesOf(answer.ciphertext);
    check(answer.verifiedPlaintextCrc32c === true && answer.verifiedAdditionalAuthenticatedDataCrc32c === true);
    check(isIntact(ciphertext, answer.ciphertextCrc32c));
    return ciphertext;
  }

  async decrypt({ name, path }: Target, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const request = { name: path, ciphertext, ciphertextCrc32c: checksum(ciphertext), ...authenticated(aad) };
    const call = (client: Client) => client.decrypt(request, this.#options);
    const answer = await this.#ask(name, 'cloudkms.cryptoKeyVersions.useToDecrypt', call);
    const plaintext = bytesOf(answer.plaintext);
    check(isIntact(plaintext, answer.plaintextCrc32c));
    return plaintext;
  }

  async #asked<T>(name: string, permission: string, call: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await call(await this.#client());
    } catch (error) {
      throw gcpFault(error, { name, permission });
    }
  }

  /** The first of what the client gives: the answer. */
  async #ask<T>(name: string, permission: string, call: (client: Client) => Promise<[T, ...unknown[]]>): Promise<T> {
    return (await this.#asked(name, permission, call))[0];
  }

  /**
   * A client that is asked before it has its credentials, and does not get them, rejects a promise that nobody holds and
   * stays as it is for ever: so it is waited for, and replaced.
   */
  #client(): Promise<Client> {
    this.#ready ??= this.#open().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #open(): Promise<Client> {
    const client = this.#openClient();
    await client.initialize();
    return client;
  }
}

/** Undefined where the answer is a refusal that was reckoned with. */
async function unlessRefusedAs<T>(code: string, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AppError && error.code === code) return undefined;
    throw error;
  }
}

async function readPages<Item>(read: (pageToken: string) => Promise<Page<Item>>): Promise<readonly Item[]> {
  const all: Item[] = [];
  let token = '';
  for (let number = 0; number < mostPages; number++) {
    const page = await read(token);
    all.push(...page.items);
    if (!page.nextPageToken) break;
    token = page.nextPageToken;
  }
  return all;
}

type Bytes = Uint8Array | string | null | undefined;
type Checksum = { value?: { toString(): string } | null } | null | undefined;

function bytesOf(bytes: Bytes): Uint8Array {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : (bytes ?? new Uint8Array());
}

function checksum(bytes: Uint8Array): { readonly value: number } {
  return { value: crc32c(bytes) };
}

function authenticated(aad: Uint8Array) {
  return { additionalAuthenticatedData: aad, additionalAuthenticatedDataCrc32c: checksum(aad) };
}

/** Protocol Buffers leave a wrapped 0 out. */
function isIntact(bytes: Uint8Array, claimed: Checksum): boolean {
  return claimed !== null && claimed !== undefined && String(claimed.value ?? 0) === String(crc32c(bytes));
}

/** Bytes that changed on the way: Google advises to ask again. */
function check(holds: boolean): void {
  if (!holds) throw managerUnavailable(new Error('Google Cloud KMS: an answer does not have its checksums'));
}
