/** Keys in HashiCorp Vault's transit engine (or OpenBao's). */
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../clock.ts';
import { readRootsFile } from '../config/root-files.ts';
import { keyNotFound, keyUnusable, managerUnavailable, undecryptable } from './faults.ts';
import type { KeyPurpose } from './key-files.ts';
import type { KeyManager, ManagedKey, SigningKeyVersion } from './key-manager.ts';
import type { VaultSettings } from './settings.ts';
import { checkDigest } from './sign-digest.ts';
import { VaultHttp, isObject } from './vault-http.ts';
import { checkPurpose, foreignType, publicKeyPemOf, type TransitKey, type TransitVersion } from './vault-key.ts';
import { vaultTokens } from './vault-token.ts';
import { VaultTransit } from './vault-transit.ts';

/**
 * Reads the roots; nothing is asked yet.
 * @param terms.callTimeoutMs for one request
 * @throws ConfigurationError when ENMESH_VAULT_CACERT cannot be read
 */
export async function openVault(
  { address, namespace, roots, transitMount, credentials }: VaultSettings,
  { clock, callTimeoutMs }: { readonly clock: Clock; readonly callTimeoutMs: number },
): Promise<KeyManager> {
  const ca = await readRootsFile('ENMESH_VAULT_CACERT', roots);
  const http = new VaultHttp({
    address,
    timeoutMs: callTimeoutMs,
    ...(namespace === undefined ? {} : { namespace }),
    ...(ca === undefined ? {} : { ca }),
  });
  return new VaultKeyManager(new VaultTransit(http, vaultTokens(credentials, http, clock), transitMount));
}

/** Keys that are described at the same time while they are listed. */
const describedAtOnce = 8;

/**
 * Signing keys are of the type `ecdsa-p256`, encryption keys `aes256-gcm96`. A version is a number from 1; a ciphertext is
 * Vault's own text `vault:vN:…`. What is encrypted is bound by `associated_data`, or by `context` where the key is derived,
 * as deployed servers make theirs (reference publish 5.2).
 */
export class VaultKeyManager implements KeyManager {
  readonly #transit: VaultTransit;
  /** `name version` of what was seen to be there and to sign. */
  readonly #signers = new Set<string>();

  constructor(transit: VaultTransit) {
    this.#transit = transit;
  }

  /** Keys of other types, and those that may not be read, are left out. */
  async listKeys(): Promise<readonly ManagedKey[]> {
    const names = [...(await this.#transit.names())].sort();
    const found: ManagedKey[] = [];
    for (let first = 0; first < names.length; first += describedAtOnce) {
      const some = names.slice(first, first + describedAtOnce).map(async (name) => await this.#ifReadable(name));
      found.push(...(await Promise.all(some)).flatMap((key) => (key && managed(key)) ?? []));
    }
    return found;
  }

  async findKey(name: string): Promise<ManagedKey | undefined> {
    const key = await this.#transit.key(name);
    if (key !== undefined && key.purpose === undefined) throw foreignType(name);
    return key && managed(key);
  }

  async createSigningKey(name: string): Promise<SigningKeyVersion> {
    return describe(await this.#make(name, 'signing'));
  }

  async createSigningKeyVersion(name: string): Promise<SigningKeyVersion> {
    await this.#existing(name, 'signing');
    await this.#transit.rotate(name);
    return describe(await this.#existing(name, 'signing'));
  }

  async signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]> {
    return (await this.#existing(name, 'signing')).versions.map(describeVersion);
  }

  /** The version is pinned: without it Vault signs with the newest one (reference 12, item 26). */
  async sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array> {
    checkDigest(digest);
    await this.#ensureSigner(name, version);
    const data = await this.#transit.use(`sign/${name}/sha2-256`, {
      input: base64(digest),
      prehashed: true,
      marshaling_algorithm: 'asn1',
      key_version: Number(version),
    });
    if (data === undefined) throw await this.#whyNotSigned(name, version);
    const sealed = vaultText(isObject(data) ? data.signature : undefined);
    if (sealed.version === version) return sealed.bytes;
    throw managerUnavailable(new Error('Vault signs with another version of the key than it was asked for'));
  }

  async createEncryptionKey(name: string): Promise<void> {
    await this.#make(name, 'encryption');
  }

  async encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    // Vault would make a key that is missing; so it is looked for first.
    const key = await this.#existing(name, 'encryption');
    const data = await this.#transit.use(`encrypt/${name}`, { plaintext: base64(plaintext), ...binding(key, aad) });
    if (data === undefined) throw keyUnusable(`Vault does not encrypt with the key ${name}; is it convergent?`);
    const { text } = vaultText(isObject(data) ? data.ciphertext : undefined);
    return Buffer.from(text, 'latin1');
  }

  async decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const key = await this.#existing(name, 'encryption');
    const text = Buffer.from(ciphertext).toString('latin1');
    if (!sealedForm.test(text)) throw undecryptable();
    const data = await this.#transit.use(`decrypt/${name}`, { ciphertext: text, ...binding(key, aad) });
    if (data === undefined) throw undecryptable();
    if (isObject(data) && typeof data.plaintext === 'string') return Buffer.from(data.plaintext, 'base64');
    throw managerUnavailable(new Error('Vault decrypts, but shows no plaintext'));
  }

  /** The key as it is after it was made, or as it was before. */
  async #make(name: string, purpose: KeyPurpose): Promise<TransitKey> {
    const there = await this.#transit.key(name);
    if (there === undefined) await this.#transit.create(name, purpose === 'signing' ? 'ecdsa-p256' : 'aes256-gcm96');
    return await this.#existing(name, purpose);
  }

  async #existing(name: string, purpose: KeyPurpose): Promise<TransitKey> {
    const key = await this.#transit.key(name);
    if (key === undefined) throw keyNotFound(`there is no key ${name}`);
    checkPurpose(key, purpose);
    return key;
  }

  async #ensureSigner(name: string, version: string): Promise<void> {
    const id = `${name} ${version}`;
    if (this.#signers.has(id)) return;
    const { versions } = await this.#existing(name, 'signing');
    if (!versions.some((known) => known.version === version)) throw noSuchVersion(name);
    this.#signers.add(id);
  }

  /** What was there when it was looked for may be gone. */
  async #whyNotSigned(name: string, version: string): Promise<AppError> {
    this.#signers.delete(`${name} ${version}`);
    await this.#ensureSigner(name, version);
    return keyUnusable(`Vault does not sign with the key ${name}`);
  }

  async #ifReadable(name: string): Promise<TransitKey | undefined> {
    try {
      return await this.#transit.key(name);
    } catch (error) {
      if (error instanceof AppError && error.code === 'key_manager_denied') return undefined;
      throw error;
    }
  }
}

/** Undefined for keys of types that we have no use for. */
function managed({ name, purpose, versions }: TransitKey): ManagedKey | undefined {
  return purpose && { name, purpose, versions: versions.map(({ version }) => version) };
}

function describe({ name, versions: [newest] }: TransitKey): SigningKeyVersion {
  if (newest === undefined) throw noSuchVersion(name);
  return describeVersion(newest);
}

function describeVersion(version: TransitVersion): SigningKeyVersion {
  return { version: version.version, publicKeyPem: publicKeyPemOf(version), createdAt: version.createdAt };
}

function noSuchVersion(name: string): AppError {
  return keyNotFound(`there is no such version of the key ${name}, or its min_encryption_version is above it`);
}

function binding({ isDerived }: TransitKey, aad: Uint8Array): Record<string, string> {
  if (aad.length === 0) return {};
  return isDerived ? { context: base64(aad) } : { associated_data: base64(aad) };
}

const sealedForm = /^vault:v([1-9]\d{0,9}):([A-Za-z0-9+/]+={0,2})$/;

/** `vault:vN:base64`: signatures and ciphertexts. */
function vaultText(text: unknown): { readonly text: string; readonly version: string; readonly bytes: Uint8Array } {
  const [whole, version, encoded] = (typeof text === 'string' && sealedForm.exec(text)) || [];
  if (whole === undefined || version === undefined || encoded === undefined) {
    throw managerUnavailable(new Error('Vault answers in a form that is not known'));
  }
  return { text: whole, version, bytes: Buffer.from(encoded, 'base64') };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
