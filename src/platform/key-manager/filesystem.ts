/** Keys in files of this machine: for development, and for installations whose disk is protected. */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { AppError } from '../../domain/errors.ts';
import { type Clock, systemClock } from '../clock.ts';
import { keyNotFound, keyUnusable, undecryptable, wrongPurpose } from './faults.ts';
import { KeyFiles, type KeyPurpose, timeOfVersion } from './key-files.ts';
import type { KeyManager, ManagedKey, SigningKeyVersion } from './key-manager.ts';
import { signDigest } from './sign-digest.ts';

const cipher = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Signing keys are PKCS#8 PEM (P-256), encryption keys 32 bytes.
 * A ciphertext is: one byte length of the version's name, the name, nonce, AES-256-GCM ciphertext, tag.
 */
export class FilesystemKeyManager implements KeyManager {
  readonly #files: KeyFiles;
  readonly #clock: Clock;
  readonly #loaded = new Map<string, KeyObject>();

  constructor(dir: string, clock: Clock = systemClock) {
    this.#files = new KeyFiles(dir);
    this.#clock = clock;
  }

  async listKeys(): Promise<readonly ManagedKey[]> {
    const keys = (await this.#files.names()).map(async (name) => (await this.findKey(name)) ?? []);
    return (await Promise.all(keys)).flat();
  }

  async findKey(name: string): Promise<ManagedKey | undefined> {
    const purpose = await this.#files.purpose(name);
    return purpose === null ? undefined : { name, purpose, versions: await this.#files.versions(name) };
  }

  async createSigningKey(name: string): Promise<SigningKeyVersion> {
    if (!(await this.#exists(name, 'signing'))) await this.#create(name, 'signing', newSigningKey());
    return await this.#describe(name, await this.#newest(name, 'signing'));
  }

  async createSigningKeyVersion(name: string): Promise<SigningKeyVersion> {
    await this.#newest(name, 'signing');
    const version = await this.#files.addVersion(name, { now: this.#clock.now(), content: newSigningKey() });
    return await this.#describe(name, version);
  }

  async signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]> {
    await this.#newest(name, 'signing');
    const versions = await this.#files.versions(name);
    return await Promise.all(versions.map(async (version) => await this.#describe(name, version)));
  }

  async sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array> {
    return signDigest(await this.#load(name, version, 'signing'), digest);
  }

  async createEncryptionKey(name: string): Promise<void> {
    if (!(await this.#exists(name, 'encryption'))) await this.#create(name, 'encryption', randomBytes(keyBytes));
  }

  async encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const version = await this.#newest(name, 'encryption');
    const nonce = randomBytes(nonceBytes);
    const sealing = createCipheriv(cipher, await this.#load(name, version, 'encryption'), nonce);
    sealing.setAAD(aad);
    const sealed = Buffer.concat([sealing.update(plaintext), sealing.final()]);
    return Buffer.concat([Buffer.of(version.length), Buffer.from(version), nonce, sealed, sealing.getAuthTag()]);
  }

  async decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    const bytes = Buffer.from(ciphertext);
    const versionEnd = 1 + (bytes[0] ?? 0);
    const sealedStart = versionEnd + nonceBytes;
    if (bytes.length < sealedStart + tagBytes) throw undecryptable();
    const key = await this.#load(name, bytes.toString('latin1', 1, versionEnd), 'encryption');
    const opening = createDecipheriv(cipher, key, bytes.subarray(versionEnd, sealedStart));
    opening.setAAD(aad);
    opening.setAuthTag(bytes.subarray(-tagBytes));
    try {
      return Buffer.concat([opening.update(bytes.subarray(sealedStart, -tagBytes)), opening.final()]);
    } catch (cause) {
      throw undecryptable(cause);
    }
  }

  async #create(name: string, purpose: KeyPurpose, content: Uint8Array): Promise<void> {
    const isOurs = await this.#files.create(name, purpose, { now: this.#clock.now(), content });
    if (!isOurs) await this.#exists(name, purpose);
  }

  async #exists(name: string, wanted: KeyPurpose): Promise<boolean> {
    const purpose = await this.#files.purpose(name);
    if (purpose !== null && purpose !== wanted) throw wrongPurpose(name, purpose);
    return purpose !== null;
  }

  async #newest(name: string, purpose: KeyPurpose): Promise<string> {
    const [newest] = (await this.#exists(name, purpose)) ? await this.#files.versions(name) : [];
    if (newest === undefined) throw keyNotFound(`there is no key ${name}`);
    return newest;
  }

  async #describe(name: string, version: string): Promise<SigningKeyVersion> {
    const publicKey = createPublicKey(await this.#load(name, version, 'signing'));
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    return { version, publicKeyPem, createdAt: timeOfVersion(version) };
  }

  async #load(name: string, version: string, purpose: KeyPurpose): Promise<KeyObject> {
    const id = `${purpose} ${name} ${version}`;
    const loaded = this.#loaded.get(id);
    if (loaded) return loaded;
    const content = (await this.#exists(name, purpose)) ? await this.#files.read(name, version) : null;
    if (content === null) throw keyNotFound(`there is no such version of the key ${name}`);
    const key = keyObject(name, purpose, content);
    this.#loaded.set(id, key);
    return key;
  }
}

function newSigningKey(): Uint8Array {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

function keyObject(name: string, purpose: KeyPurpose, content: Uint8Array): KeyObject {
  if (purpose === 'encryption') {
    if (content.length === keyBytes) return createSecretKey(content);
    throw unusable(name, `${String(keyBytes)} bytes`);
  }
  try {
    const key = createPrivateKey(Buffer.from(content));
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // The parser's words may quote the file.
  }
  throw unusable(name, 'a P-256 private key as PKCS#8 PEM');
}

function unusable(name: string, wanted: string): AppError {
  return keyUnusable(`a file of the key ${name} is not ${wanted}`);
}
