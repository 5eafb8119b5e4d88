/** Keys in Azure Key Vault, or in a Managed HSM. */
import { DefaultAzureCredential } from '@azure/identity';
import type { KeyVaultKey } from '@azure/keyvault-keys';
import { systemClock, type Clock } from '../clock.ts';
import { newDataKey, readEnvelope, seal, unseal } from './azure-envelope.ts';
import { azureKeyName } from './azure-key-name.ts';
import { byAge, checkPurpose, describeVersion, foreignType, isUsable, purposeOf, versionOf } from './azure-key.ts';
import { derSignature } from './azure-signature.ts';
import { AzureVault, type AzureAccess } from './azure-vault.ts';
import { keyNotFound, keyUnusable, managerUnavailable, undecryptable } from './faults.ts';
import type { KeyPurpose } from './key-files.ts';
import type { KeyManager, ManagedKey, SigningKeyVersion } from './key-manager.ts';
import type { AzureKeyVaultSettings } from './settings.ts';
import { checkDigest } from './sign-digest.ts';

/**
 * As whom the environment, a workload identity, a managed identity or the Azure CLI lets us act, in this order.
 * @param terms.callTimeoutMs for one call to the vault, token included
 */
export function openAzureKeyVault(
  settings: AzureKeyVaultSettings,
  { clock, callTimeoutMs }: { readonly clock: Clock; readonly callTimeoutMs: number },
): KeyManager {
  return new AzureKeyManager(settings, { credential: new DefaultAzureCredential(), timeoutMs: callTimeoutMs }, clock);
}

/** A key in its vault. */
interface Place {
  /** As the operator writes it. */
  readonly given: string;
  readonly name: string;
  /** The only version that is used, where the operator names one. */
  readonly version: string | undefined;
  readonly vault: AzureVault;
}

/** Key Vault's own names of versions. */
const versionForm = /^[0-9a-zA-Z]{1,64}$/;

/**
 * Signing keys are EC on P-256, encryption keys RSA (`azure-envelope.ts`). A version is Key Vault's own, and counts while
 * it is enabled and within its `nbf` and `exp`. Key Vault makes a further version of a key that is there: two processes
 * that make the same key at the same moment make two versions of it.
 */
export class AzureKeyManager implements KeyManager {
  readonly #settings: AzureKeyVaultSettings;
  readonly #access: AzureAccess;
  readonly #clock: Clock;
  readonly #vaults = new Map<string, AzureVault>();
  /** Versions by key and name: what they are never changes, and the service looks at their state itself. */
  readonly #known = new Map<string, KeyVaultKey>();
  /** Keys that are being made, so that two who ask at once get one. */
  readonly #making = new Map<string, Promise<KeyVaultKey>>();

  constructor(settings: AzureKeyVaultSettings, access: AzureAccess, clock: Clock = systemClock) {
    this.#settings = settings;
    this.#access = access;
    this.#clock = clock;
  }

  /** Of the configured vault; keys of other types, and without a version that may be used, are left out. */
  async listKeys(): Promise<readonly ManagedKey[]> {
    const found: ManagedKey[] = [];
    for (const name of [...(await this.#vault(this.#settings.vaultUrl).names())].sort()) {
      const place = this.#place(name);
      const versions = await this.#versions(place);
      const purpose = versions[0] === undefined ? undefined : purposeOf(await this.#key(place, versions[0]));
      if (purpose !== undefined) found.push({ name, purpose, versions });
    }
    return found;
  }

  async findKey(name: string): Promise<ManagedKey | undefined> {
    const place = this.#place(name);
    const versions = await this.#versions(place);
    if (versions[0] === undefined) return undefined;
    const purpose = purposeOf(await this.#key(place, versions[0]));
    if (purpose === undefined) throw foreignType(name);
    return { name, purpose, versions };
  }

  async createSigningKey(name: string): Promise<SigningKeyVersion> {
    return describeVersion(await this.#make(name, 'signing'));
  }

  async createSigningKeyVersion(name: string): Promise<SigningKeyVersion> {
    const place = this.#place(name);
    await this.#existing(place, 'signing');
    return describeVersion(await this.#create(place, 'signing'));
  }

  async signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]> {
    const place = this.#place(name);
    await this.#existing(place, 'signing');
    const versions = await this.#versions(place);
    const keys = await Promise.all(versions.map(async (version) => await this.#key(place, version)));
    return keys.filter((key) => purposeOf(key) === 'signing').map(describeVersion);
  }

  async sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array> {
    checkDigest(digest);
    const place = this.#place(name);
    const key = await this.#key(place, version);
    checkPurpose(name, key, 'signing');
    const raw = await place.vault.sign(key, digest);
    try {
      return derSignature(raw);
    } catch {
      throw managerUnavailable(new Error('Azure Key Vault answers with what is no ES256 signature'));
    }
  }

  async createEncryptionKey(name: string): Promise<void> {
    await this.#make(name, 'encryption');
  }

  async encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const place = this.#place(name);
    const key = await this.#existing(place, 'encryption');
    const dataKey = newDataKey();
    const wrappedKey = await place.vault.wrap(key, dataKey);
    return seal({ version: versionOf(key.properties), wrappedKey, dataKey }, plaintext, aad);
  }

  async decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const place = this.#place(name);
    const envelope = readEnvelope(ciphertext);
    if (envelope === undefined) {
      await this.#existing(place, 'encryption');
      throw undecryptable();
    }
    const key = await this.#key(place, envelope.version);
    checkPurpose(name, key, 'encryption');
    return unseal(envelope, await place.vault.unwrap(key, envelope.wrappedKey), aad);
  }

  /** The key that is there, or else a new one. Key Vault cannot be told to leave an existing one alone. */
  async #make(name: string, purpose: KeyPurpose): Promise<KeyVaultKey> {
    const place = this.#place(name);
    const making = this.#making.get(name) ?? this.#findOrCreate(place, purpose);
    this.#making.set(name, making);
    try {
      const key = await making;
      checkPurpose(name, key, purpose);
      return key;
    } finally {
      this.#making.delete(name);
    }
  }

  async #findOrCreate(place: Place, purpose: KeyPurpose): Promise<KeyVaultKey> {
    const there = await this.#newest(place, purpose);
    if (there !== undefined) return there;
    const { length } = await place.vault.versions(place.name);
    if (length === 0) return await this.#create(place, purpose);
    throw keyUnusable(`no version of the key ${place.given} is enabled and within its times: enable one, or rotate`);
  }

  async #create({ given, name, version, vault }: Place, purpose: KeyPurpose): Promise<KeyVaultKey> {
    if (version !== undefined) {
      throw keyUnusable(`${given} names one version: leave it out, so that there can be others`);
    }
    const isHsm = this.#settings.protectionLevel === 'hsm';
    return purpose === 'signing' ? await vault.createSigning(name, isHsm) : await vault.createWrapping(name, isHsm);
  }

  #place(given: string): Place {
    const { vaultUrl, ...named } = azureKeyName(given, this.#settings.vaultUrl);
    return { given, ...named, vault: this.#vault(vaultUrl) };
  }

  #vault(url: string): AzureVault {
    const vault = this.#vaults.get(url) ?? new AzureVault(url, this.#access);
    this.#vaults.set(url, vault);
    return vault;
  }

  /** Names of the versions that may be used, newest first; of two that were made in one second the current one. */
  async #versions({ name, version: only, vault }: Place): Promise<readonly string[]> {
    const now = this.#clock.now();
    const usable = (await vault.versions(name))
      .filter((found) => isUsable(found, now) && (only === undefined || found.version === only))
      .sort(byAge);
    const [first, second] = usable;
    if (first === undefined || second === undefined || byAge(first, second) !== 0) return usable.map(versionOf);
    const { version: current } = (await vault.key(name)).properties;
    return usable.map(versionOf).sort((a, b) => Number(b === current) - Number(a === current));
  }

  async #key({ given, name, version: only, vault }: Place, version: string): Promise<KeyVaultKey> {
    if (!versionForm.test(version) || (only !== undefined && only !== version)) {
      throw keyNotFound(`there is no such version of the key ${given}`);
    }
    const id = `${given} ${version}`;
    const key = this.#known.get(id) ?? (await vault.key(name, version));
    this.#known.set(id, key);
    return key;
  }

  /** Undefined when there is no key, or none of its versions may be used. */
  async #newest(place: Place, purpose: KeyPurpose): Promise<KeyVaultKey | undefined> {
    const [version] = await this.#versions(place);
    if (version === undefined) return undefined;
    const key = await this.#key(place, version);
    checkPurpose(place.given, key, purpose);
    return key;
  }

  async #existing(place: Place, purpose: KeyPurpose): Promise<KeyVaultKey> {
    const key = await this.#newest(place, purpose);
    if (key === undefined) throw keyNotFound(`there is no key ${place.given} with a version that may be used`);
    return key;
  }
}
