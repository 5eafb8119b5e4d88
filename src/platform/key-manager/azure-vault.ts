/** Calls of one Azure Key Vault: each bounded in time and tried once, its faults in our words. */
import type { TokenCredential } from '@azure/identity';
import { CryptographyClient, KeyClient, type KeyClientOptions, type KeyVaultKey } from '@azure/keyvault-keys';
import { azureFault, type AzureRequest } from './azure-faults.ts';

/** How a vault is reached. */
export interface AzureAccess {
  readonly credential: TokenCredential;
  /** For one call, token and challenge included. */
  readonly timeoutMs: number;
  /** Of the official client: whom it trusts, and the like. */
  readonly clientOptions?: KeyClientOptions;
}

/** What goes on a wire with each call. */
interface CallOptions {
  readonly abortSignal: AbortSignal;
}

/** Keys, and versions of a key, that are listed at most. */
const mostListed = 1_000;

/** One vault. */
export class AzureVault {
  readonly #url: string;
  readonly #access: AzureAccess;
  readonly #options: KeyClientOptions;
  readonly #client: KeyClient;
  /** Versions are immutable but for their state, which the service looks at itself. */
  readonly #signers = new Map<string, CryptographyClient>();

  constructor(url: string, access: AzureAccess) {
    this.#url = url;
    this.#access = access;
    // Whoever asks tries again, and knows for how long.
    this.#options = { ...access.clientOptions, retryOptions: { maxRetries: 0 } };
    this.#client = new KeyClient(url, access.credential, { ...this.#options });
  }

  /** Names of all keys. */
  async names(): Promise<readonly string[]> {
    return await this.#call({ permission: 'list' }, async (options) => {
      const names: string[] = [];
      for await (const { name } of this.#client.listPropertiesOfKeys(options)) {
        if (names.push(name) === mostListed) break;
      }
      return names;
    });
  }

  /** Ids and states of all versions, in no order; none when there is no such key. */
  async versions(name: string): Promise<readonly KeyVaultKey['properties'][]> {
    return await this.#call({ name, permission: 'list' }, async (options) => {
      const versions: KeyVaultKey['properties'][] = [];
      for await (const version of this.#client.listPropertiesOfKeyVersions(name, options)) {
        if (versions.push(version) === mostListed) break;
      }
      return versions;
    });
  }

  /** One version; the current one when none is named. */
  async key(name: string, version?: string): Promise<KeyVaultKey> {
    return await this.#call({ name, permission: 'get' }, (options) =>
      this.#client.getKey(name, { ...options, ...(version === undefined ? {} : { version }) }),
    );
  }

  /** Makes a P-256 key, or a further version of one. */
  async createSigning(name: string, hsm: boolean): Promise<KeyVaultKey> {
    const options = { curve: 'P-256', hsm, keyOps: ['sign', 'verify'] };
    return await this.#call({ name, permission: 'create' }, (call) =>
      this.#client.createEcKey(name, { ...options, ...call }),
    );
  }

  /** Makes an RSA key that wraps. 3072 bits are worth 128 of AES (NIST SP 800-57 part 1, table 2). */
  async createWrapping(name: string, hsm: boolean): Promise<KeyVaultKey> {
    const options = { keySize: 3072, hsm, keyOps: ['wrapKey', 'unwrapKey'] };
    return await this.#call({ name, permission: 'create' }, (call) =>
      this.#client.createRsaKey(name, { ...options, ...call }),
    );
  }

  /** r and s over a digest. */
  async sign(key: KeyVaultKey, digest: Uint8Array): Promise<Uint8Array> {
    return await this.#use(
      key,
      'sign',
      async (client, options) => (await client.sign('ES256', digest, options)).result,
    );
  }

  async wrap(key: KeyVaultKey, dataKey: Uint8Array): Promise<Uint8Array> {
    const wrap = async (client: CryptographyClient, options: CallOptions): Promise<Uint8Array> =>
      (await client.wrapKey('RSA-OAEP-256', dataKey, options)).result;
    return await this.#use(key, 'wrapKey', wrap);
  }

  async unwrap(key: KeyVaultKey, wrappedKey: Uint8Array): Promise<Uint8Array> {
    const unwrap = async (client: CryptographyClient, options: CallOptions): Promise<Uint8Array> =>
      (await client.unwrapKey('RSA-OAEP-256', wrappedKey, options)).result;
    return await this.#use(key, 'unwrapKey', unwrap);
  }

  async #use<T>(
    key: KeyVaultKey,
    permission: 'sign' | 'wrapKey' | 'unwrapKey',
    work: (client: CryptographyClient, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const request = { name: key.name, permission, isOpening: permission === 'unwrapKey' };
    return await this.#call(request, (options) => work(this.#clientOf(key), options));
  }

  /**
   * The client would look at a version's times by itself, and refuse to unwrap with one that has expired, which the
   * service allows; so it is told of none.
   */
  #clientOf(key: KeyVaultKey): CryptographyClient {
    const id = key.id ?? `${this.#url}/keys/${key.name}`;
    const known = this.#signers.get(id);
    if (known) return known;
    const properties = { ...key.properties };
    delete properties.notBefore;
    delete properties.expiresOn;
    const client = new CryptographyClient({ ...key, properties }, this.#access.credential, { ...this.#options });
    this.#signers.set(id, client);
    return client;
  }

  async #call<T>(request: AzureRequest, work: (options: CallOptions) => Promise<T>): Promise<T> {
    try {
      return await work({ abortSignal: AbortSignal.timeout(this.#access.timeoutMs) });
    } catch (error) {
      throw azureFault(error, request);
    }
  }
}
