/** Keys in AWS KMS. A key that signs has no versions there: each version is a key of its own, held together by aliases. */
import { createPublicKey } from 'node:crypto';
import { KMSClient } from '@aws-sdk/client-kms';
import { AppError } from '../../domain/errors.ts';
import { ConfigurationError } from '../config/load.ts';
import { AwsCalls, type AwsKey } from './aws-calls.ts';
import { type AwsKeyName, isAwsVersion, parseAwsKeyName, versionAlias, versionNumber } from './aws-names.ts';
import { keyNotFound, keyUnusable, managerUnavailable, wrongPurpose } from './faults.ts';
import type { KeyPurpose } from './key-files.ts';
import type { KeyManager, ManagedKey, SigningKeyVersion } from './key-manager.ts';
import { checkDigest } from './sign-digest.ts';

/** How keys that are ours are told from others: by the beginning of their description. */
const ours = 'Enmesh';
/** `keys list` stops here. */
const mostListed = 1000;
/** For a new version: AWS lists an alias some time after it was made, and each try costs a key. */
const mostTries = 5;

/**
 * Region, endpoint and credentials come from where AWS's own tools take them.
 * @throws ConfigurationError when there is no region
 */
export async function openAwsKms(callTimeoutMs: number): Promise<AwsKmsKeyManager> {
  // Tried again by ourselves, with a limit to the whole.
  const client = new KMSClient({ maxAttempts: 1 });
  try {
    await client.config.region();
  } catch {
    throw new ConfigurationError(['AWS_REGION is not set: ENMESH_KEY_MANAGER=aws-kms needs the region of the keys']);
  }
  return new AwsKmsKeyManager(new AwsCalls(client, callTimeoutMs));
}

/**
 * The first version of NAME has the alias `alias/NAME`, later ones `alias/NAME/v2` and so on; a version is named by its
 * key's id. A key that is given by its id or ARN is its own only version.
 */
export class AwsKmsKeyManager implements KeyManager {
  readonly #calls: AwsCalls;

  constructor(calls: AwsCalls) {
    this.#calls = calls;
  }

  async listKeys(): Promise<readonly ManagedKey[]> {
    const names = new Set<string>();
    const aliases = new Map<string, string>();
    for await (const { alias, keyId } of this.#calls.aliases()) aliases.set(alias, keyId);
    for (const [alias, keyId] of aliases) {
      if (names.size >= mostListed) break;
      const key = isLaterVersion(alias, aliases) ? undefined : await this.#calls.describe(alias, keyId);
      if (key?.purpose && key.description.startsWith(ours)) names.add(alias.slice('alias/'.length));
    }
    const keys: (ManagedKey | undefined)[] = [];
    for (const name of [...names].sort()) keys.push(await this.findKey(name));
    return keys.flatMap((key) => key ?? []);
  }

  async findKey(name: string): Promise<ManagedKey | undefined> {
    const parsed = parseAwsKeyName(name);
    const key = await this.#calls.describe(name, parsed.id);
    if (key === undefined) return undefined;
    const purpose = purposeOf(name, key);
    const versions = purpose === 'signing' ? await this.#versions(name, parsed, key) : [key];
    return { name, purpose, versions: versions.map((version) => versionOf(parsed, version)) };
  }

  async createSigningKey(name: string): Promise<SigningKeyVersion> {
    const parsed = parseAwsKeyName(name);
    if (!(await this.#exists(name, 'signing'))) await this.#create(name, parsed, { purpose: 'signing', number: 1 });
    const [newest] = await this.signingKeyVersions(name);
    if (newest === undefined) throw disabled(name);
    return newest;
  }

  async createSigningKeyVersion(name: string): Promise<SigningKeyVersion> {
    const parsed = parseAwsKeyName(name);
    if (!(await this.#exists(name, 'signing'))) throw keyNotFound(`there is no key ${name}`);
    let highest = 0;
    for (let tries = 0; tries < mostTries; tries++) {
      highest = Math.max(highest, await this.#highestNumber(parsed)) + 1;
      const created = await this.#create(name, parsed, { purpose: 'signing', number: highest });
      if (created !== undefined) return await this.#describe(name, parsed, created);
    }
    throw managerUnavailable(new Error('AWS KMS: every next alias of a key is taken already'));
  }

  async signingKeyVersions(name: string): Promise<readonly SigningKeyVersion[]> {
    const parsed = parseAwsKeyName(name);
    const key = await this.#calls.describe(name, parsed.id);
    if (key === undefined) throw keyNotFound(`there is no key ${name}`);
    if (purposeOf(name, key) !== 'signing') throw wrongPurpose(name, 'encryption');
    const versions = await this.#versions(name, parsed, key);
    return await Promise.all(versions.map(async (version) => await this.#describe(name, parsed, version)));
  }

  async sign(name: string, version: string, digest: Uint8Array): Promise<Uint8Array> {
    checkDigest(digest);
    parseAwsKeyName(name);
    if (!isAwsVersion(version)) throw keyNotFound(`there is no such version of the key ${name}`);
    return await this.#calls.sign(name, version, digest);
  }

  async createEncryptionKey(name: string): Promise<void> {
    const parsed = parseAwsKeyName(name);
    if (await this.#exists(name, 'encryption')) return;
    await this.#create(name, parsed, { purpose: 'encryption', number: 1 });
  }

  async encrypt(name: string, plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    return await this.#calls.encrypt(name, parseAwsKeyName(name).id, { plaintext, aad });
  }

  async decrypt(name: string, ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> {
    return await this.#calls.decrypt(name, parseAwsKeyName(name).id, { ciphertext, aad });
  }

  async #exists(name: string, wanted: KeyPurpose): Promise<boolean> {
    const key = await this.#calls.describe(name, parseAwsKeyName(name).id);
    if (key === undefined) return false;
    const purpose = purposeOf(name, key);
    if (purpose !== wanted) throw wrongPurpose(name, purpose);
    return true;
  }

  /** Enabled keys, newest first. */
  async #versions(name: string, parsed: AwsKeyName, first: AwsKey): Promise<readonly AwsKey[]> {
    const versions = new Map([[1, first]]);
    for (const [number, keyId] of await this.#numbers(parsed)) {
      const key = number === 1 ? undefined : await this.#calls.describe(name, keyId);
      if (key?.purpose === 'signing') versions.set(number, key);
    }
    const enabled = [...versions].filter(([, { isEnabled }]) => isEnabled);
    return enabled.sort(([one], [other]) => other - one).map(([, key]) => key);
  }

  /** Numbers of the versions that have aliases, with their keys' ids. */
  async #numbers(parsed: AwsKeyName): Promise<ReadonlyMap<number, string>> {
    const numbers = new Map<number, string>();
    if (parsed.kind === 'key') return numbers;
    for await (const { alias, keyId } of this.#calls.aliases()) {
      const number = versionNumber(parsed.id, alias);
      if (number !== null) numbers.set(number, keyId);
    }
    return numbers;
  }

  async #highestNumber(parsed: AwsKeyName): Promise<number> {
    if (parsed.kind === 'key') {
      throw keyUnusable(
        'a key of AWS KMS that signs cannot be rotated: give the configuration an alias, `aws kms create-alias --alias-name alias/NAME --target-key-id KEY`, and rotate that',
      );
    }
    return Math.max(1, ...(await this.#numbers(parsed)).keys());
  }

  /** Undefined when another process was faster: its key counts, ours goes. */
  async #create(
    name: string,
    parsed: AwsKeyName,
    { purpose, number }: { readonly purpose: KeyPurpose; readonly number: number },
  ): Promise<AwsKey | undefined> {
    if (parsed.kind === 'key')
      throw keyNotFound(`there is no key ${name}; a new one is made under the name of an alias`);
    const key = await this.#calls.createKey(name, purpose, `${ours} ${purpose} key ${name}`);
    const alias = versionAlias(parsed.id, number);
    const isNamed = await this.#calls.createAlias(name, alias, key.id).catch(async (error: unknown) => {
      if (isRefusal(error)) await this.#calls.scheduleDeletion(name, key.id).catch(() => undefined);
      throw error;
    });
    if (isNamed) return key;
    await this.#calls.scheduleDeletion(name, key.id);
    return undefined;
  }

  async #describe(name: string, parsed: AwsKeyName, key: AwsKey): Promise<SigningKeyVersion> {
    const der = Buffer.from(await this.#calls.publicKey(name, versionOf(parsed, key)));
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    return { version: versionOf(parsed, key), publicKeyPem, createdAt: key.createdAt };
  }
}

/** A key of another account or region is found by its ARN alone; ids stay when a multi-Region key's replica takes over. */
function versionOf(parsed: AwsKeyName, { id, arn }: AwsKey): string {
  return parsed.kind === 'key' && parsed.isArn ? arn : id;
}

function purposeOf(name: string, { purpose }: AwsKey): KeyPurpose {
  if (purpose !== null) return purpose;
  throw keyUnusable(
    `the key ${name} is neither ECC_NIST_P256 for SIGN_VERIFY nor SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT`,
  );
}

/** The service has said no; after silence the alias may be there. */
function isRefusal(error: unknown): boolean {
  return error instanceof AppError && error.code !== 'key_manager_unavailable';
}

function disabled(name: string): Error {
  return keyUnusable(`no version of the key ${name} is enabled`);
}

/** `alias/NAME/v2` where there is `alias/NAME`. */
function isLaterVersion(alias: string, aliases: ReadonlyMap<string, string>): boolean {
  const root = alias.replace(/\/v\d+$/, '');
  return root !== alias && versionNumber(root, alias) !== null && aliases.has(root);
}
