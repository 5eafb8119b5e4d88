/** Keys in Google Cloud KMS: a version is a CryptoKeyVersion, named by its number. */
import { createPublicKey } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { KeyManagementServiceClient } from '@google-cloud/kms';
import { credentials } from '@grpc/grpc-js';
import { isLoopback } from '../config/address.ts';
import { ConfigurationError } from '../config/load.ts';
import { keyNotFound, keyUnusable, managerUnavailable, wrongPurpose } from './faults.ts';
import { AppError } from '../../domain/errors.ts';
import { type CryptoKey, type CryptoKeyVersion, GcpCalls } from './gcp-calls.ts';
import { type GcpKeyName, numberOf, parseGcpKeyName, versionPath } from './gcp-names.ts';
import type { KeyPurpose } from './key-files.ts';
import type { KeyManager, ManagedKey, SigningKeyVersion } from './key-manager.ts';
import type { GcpKmsSettings } from './settings.ts';
import { checkDigest } from './sign-digest.ts';

/** What keys are made as, and may be. */
const kinds = {
  signing: { purpose: 'ASYMMETRIC_SIGN', algorithm: 'EC_SIGN_P256_SHA256' },
  encryption: { purpose: 'ENCRYPT_DECRYPT', algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION' },
} as const;

/** A hardware module takes seconds to make a key. */
const generationPollMs = 500;
const mostPolls = 120;

/** Credentials come from where Google's own tools take them. */
export function openGcpKms(settings: GcpKmsSettings, callTimeoutMs: number): GcpKeyManager {
  const place = placeOf(settings.endpoint);
  return new GcpKeyManager(new GcpCalls(() => new KeyManagementServiceClient(place), callTimeoutMs), settings);
}

function placeOf(endpoint: string | undefined): ConstructorParameters<typeof KeyManagementServiceClient>[0] {
  if (endpoint === undefined) return {};
  const { protocol, hostname, port } = new URL(endpoint);
  if (protocol === 'https:') return { apiEndpoint: hostname, port: Number(port || 443) };
  if (!isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'))) {
    throw new ConfigurationError(['ENMESH_GCP_KMS_ENDPOINT wants https: plain http is for loopback addresses alone']);
  }
  const sslCreds = credentials.createInsecure();
  // Named, so that nobody looks for credentials to learn it.
  const clientOptions = { universeDomain: 'googleapis.com' };
  return { apiEndpoint: hostname, port: Number(port || 80), sslCreds, clientOptions };
}

/** Keys of one ring, and those that are given by their full names. */
export class GcpKeyManager implements KeyManager {
  readonly #calls: GcpCalls;
  readonly #settings: GcpKmsSettings;

  constructor(calls: GcpCalls, settings: GcpKmsSettings) {
    this.#calls = calls;
    this.#settings = settings;
  }

  async listKeys(): Promise<readonly ManagedKey[]> {
    const { keyRing } = this.#settings;
    if (keyRing === undefined) {
      throw new ConfigurationError(['ENMESH_GCP_KMS_KEY_RING is not set: it says which keys are ours']);
    }
    const found: ManagedKey[] = [];
    for (const key of await this.#calls.keys(keyRing)) {
      const purpose = purposeOf(key);
      if (purpose === null) continue;
      const parsed = parseGcpKeyName(key.name ?? '', keyRing);
      found.push({ name: parsed.id, purpose, versions: await this.#numbers(parsed.id, parsed) });
    }
    return found.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  async findKey(name: string): Promise<ManagedKey | undefined> {
    const parsed = this.#parse(name);
    const purpose = await this.#purpose(name, parsed);
    return purpose === undefined ? undefined : { name, purpose, versions: await this.#numbers(name, parsed) };
  }

  async createSigningKey(name: string): Promise<SigningKeyVersion> {
    await this.#ensure(name, 'signing');
    const [newest] = await this.signingKeyVersions(name);
    if (newest === undefined) throw keyUnusable(`no version of the key ${name} is enabled`);
    return newest;
  }

  async createSigningKeyVersion(name: string): Promise<SigningKeyVersion> {
    const parsed = await this.#existing(name, 'signing');
    if (parsed.version !== null) {
      throw keyUnusable(`${name} is one version: give the configuration the key itself, without /cryptoKeyVersions/…`);
    }
    const { name: path } = await this.#calls.createVersion({ name, path: parsed.path });
    return await this.#describe(name, await this.#untilEnabled(name, path ?? ''));
  }

  async signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]> {
    const parsed = await this.#existing(name, 'signing');
    const versions = await this.#versions(name, parsed);
    return await Promise.all(versions.map(async (version) => await this.#describe(name, version)));
  }

  async sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array> {
    checkDigest(digest);
    const path = versionPath(this.#parse(name), version);
    if (path === undefined) throw keyNotFound(`there is no such version of the key ${name}`);
    return await this.#explained(name, 'signing', this.#calls.sign({ name, path }, digest));
  }

  async createEncryptionKey(name: string): Promise<void> {
    await this.#ensure(name, 'encryption');
  }

  async encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const { path } = this.#parse(name);
    return await this.#explained(name, 'encryption', this.#calls.encrypt({ name, path }, plaintext, aad));
  }

  async decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const { path } = this.#parse(name);
    return await this.#explained(name, 'encryption', this.#calls.decrypt({ name, path }, ciphertext, aad));
  }

  #parse(name: string): GcpKeyName {
    return parseGcpKeyName(name, this.#settings.keyRing);
  }

  /** Makes the key where there is none; whoever else makes it at the same time makes the same. */
  async #ensure(name: string, wanted: KeyPurpose): Promise<void> {
    const parsed = this.#parse(name);
    const found = await this.#purpose(name, parsed);
    if (found === wanted) return;
    if (found !== undefined) throw wrongPurpose(name, found);
    const { purpose, algorithm } = kinds[wanted];
    const protectionLevel = this.#settings.protectionLevel === 'hsm' ? 'HSM' : 'SOFTWARE';
    const key = { purpose, versionTemplate: { algorithm, protectionLevel } } as const;
    await this.#calls.createKey({ ring: parsed.ring, id: parsed.id, name, key });
    await this.#untilEnabled(name, `${parsed.path}/cryptoKeyVersions/1`);
  }

  async #existing(name: string, wanted: KeyPurpose): Promise<GcpKeyName> {
    const parsed = this.#parse(name);
    const purpose = await this.#purpose(name, parsed);
    if (purpose === undefined) throw keyNotFound(`there is no key ${name}`);
    if (purpose !== wanted) throw wrongPurpose(name, purpose);
    return parsed;
  }

  /** Undefined when there is no such key. */
  async #purpose(name: string, { path }: GcpKeyName): Promise<KeyPurpose | undefined> {
    const key = await this.#calls.key({ name, path });
    if (key === undefined) return undefined;
    const purpose = purposeOf(key);
    if (purpose !== null) return purpose;
    throw keyUnusable(`the key ${name} is neither EC_SIGN_P256_SHA256 nor for symmetric encryption`);
  }

  /** Enabled versions, newest first. */
  async #versions(name: string, parsed: GcpKeyName): Promise<readonly CryptoKeyVersion[]> {
    const versions = (await this.#calls.enabledVersions({ name, path: parsed.path })).filter(
      (version) => parsed.version === null || numberOf(version.name ?? '') === parsed.version,
    );
    return versions.sort((one, other) => Number(numberOf(other.name ?? '')) - Number(numberOf(one.name ?? '')));
  }

  async #numbers(name: string, parsed: GcpKeyName): Promise<readonly string[]> {
    return (await this.#versions(name, parsed)).map((version) => numberOf(version.name ?? ''));
  }

  async #untilEnabled(name: string, path: string): Promise<CryptoKeyVersion> {
    for (let polls = 0; polls < mostPolls; polls++) {
      const version = await this.#calls.version({ name, path });
      if (version.state === 'ENABLED') return version;
      if (version.state !== 'PENDING_GENERATION') break;
      await pause(generationPollMs);
    }
    throw keyUnusable(`the new version of the key ${name} does not become usable; see its state in Google Cloud`);
  }

  async #describe(name: string, version: CryptoKeyVersion): Promise<SigningKeyVersion> {
    const path = version.name ?? '';
    const publicKeyPem = normalised(await this.#calls.publicKey({ name, path }));
    const createdAt = new Date(Number(version.createTime?.seconds ?? 0) * 1000);
    return { version: numberOf(path), publicKeyPem, createdAt };
  }

  /** A refusal that has its reason in what the key is for says so. */
  async #explained<T>(name: string, wanted: KeyPurpose, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof AppError && error.code === 'key_unusable') await this.#existing(name, wanted);
      throw error;
    }
  }
}

function purposeOf({ purpose, versionTemplate }: CryptoKey): KeyPurpose | null {
  const all = ['signing', 'encryption'] as const;
  const algorithm = versionTemplate?.algorithm;
  return all.find((one) => kinds[one].purpose === purpose && kinds[one].algorithm === algorithm) ?? null;
}

function normalised(pem: string): string {
  try {
    return createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    throw managerUnavailable(new Error('Google Cloud KMS: a public key is not PEM'));
  }
}
