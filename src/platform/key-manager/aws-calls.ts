/** The calls of AWS KMS that a key manager needs: one try each, limited in time, with errors of ours. */
import {
  type AliasListEntry,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GetPublicKeyCommand,
  type KeyMetadata,
  type KMSClient,
  ListAliasesCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
} from '@aws-sdk/client-kms';
import { AppError } from '../../domain/errors.ts';
import { awsFault } from './aws-faults.ts';
import { managerUnavailable } from './faults.ts';
import type { KeyPurpose } from './key-files.ts';

/** Days that AWS keeps a key that is to be deleted: the fewest. */
const deletionDays = 7;
const aliasesOfAPage = 100;

/** How a purpose is said to AWS. */
const specs = {
  signing: { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' },
  encryption: { KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' },
} as const;

/** A key as AWS describes it. */
export interface AwsKey {
  readonly id: string;
  readonly arn: string;
  readonly createdAt: Date;
  readonly isEnabled: boolean;
  /** Null for a key of another kind. */
  readonly purpose: KeyPurpose | null;
  readonly description: string;
}

/** An alias and the key that has it. */
export interface AwsAlias {
  readonly alias: string;
  readonly keyId: string;
}

type Sealing = Readonly<Record<'plaintext' | 'aad', Uint8Array>>;
type Opening = Readonly<Record<'ciphertext' | 'aad', Uint8Array>>;

/** One account and region. */
export class AwsCalls {
  readonly #client: KMSClient;
  readonly #timeoutMs: number;

  /** @param client tries once: whoever calls tries again */
  constructor(client: KMSClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** Undefined when there is no such key. */
  async describe(name: string, id: string): Promise<AwsKey | undefined> {
    const command = new DescribeKeyCommand({ KeyId: id });
    const answer = this.#ask(name, 'kms:DescribeKey', (options) => this.#client.send(command, options));
    return await unlessRefusedAs(
      'key_not_found',
      answer.then(({ KeyMetadata: metadata }) => keyOf(metadata)),
    );
  }

  /** SPKI, DER. */
  async publicKey(name: string, id: string): Promise<Uint8Array> {
    const command = new GetPublicKeyCommand({ KeyId: id });
    return present(
      (await this.#ask(name, 'kms:GetPublicKey', (options) => this.#client.send(command, options))).PublicKey,
    );
  }

  /** Signs the digest as it is: with DIGEST, AWS does not hash again. */
  async sign(name: string, id: string, digest: Uint8Array): Promise<Uint8Array> {
    const how = { MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    const command = new SignCommand({ KeyId: id, Message: digest, ...how });
    return present((await this.#ask(name, 'kms:Sign', (options) => this.#client.send(command, options))).Signature);
  }

  /** `aad` is bound as the deployed servers do (reference 8.2): an encryption context with the one key `aad`. */
  async encrypt(name: string, id: string, { plaintext, aad }: Sealing): Promise<Uint8Array> {
    const command = new EncryptCommand({ KeyId: id, Plaintext: plaintext, EncryptionContext: contextOf(aad) });
    const answer = await this.#ask(name, 'kms:Encrypt', (options) => this.#client.send(command, options));
    return present(answer.CiphertextBlob);
  }

  async decrypt(name: string, id: string, { ciphertext, aad }: Opening): Promise<Uint8Array> {
    const command = new DecryptCommand({ KeyId: id, CiphertextBlob: ciphertext, EncryptionContext: contextOf(aad) });
    return present((await this.#ask(name, 'kms:Decrypt', (options) => this.#client.send(command, options))).Plaintext);
  }

  /** A new key that has no alias yet. */
  async createKey(name: string, purpose: KeyPurpose, description: string): Promise<AwsKey> {
    const command = new CreateKeyCommand({ ...specs[purpose], Description: description });
    return keyOf(
      (await this.#ask(name, 'kms:CreateKey', (options) => this.#client.send(command, options))).KeyMetadata,
    );
  }

  /** False when another key has the alias. */
  async createAlias(name: string, alias: string, id: string): Promise<boolean> {
    const command = new CreateAliasCommand({ AliasName: alias, TargetKeyId: id });
    const answer = this.#ask(name, 'kms:CreateAlias', (options) => this.#client.send(command, options));
    return (
      (await unlessRefusedAs(
        'key_exists',
        answer.then(() => true),
      )) ?? false
    );
  }

  async scheduleDeletion(name: string, id: string): Promise<void> {
    const command = new ScheduleKeyDeletionCommand({ KeyId: id, PendingWindowInDays: deletionDays });
    await this.#ask(name, 'kms:ScheduleKeyDeletion', (options) => this.#client.send(command, options));
  }

  /** Every alias of the account but those of AWS's own keys. */
  async *aliases(): AsyncGenerator<AwsAlias> {
    let marker: string | undefined;
    do {
      const command = new ListAliasesCommand({ Limit: aliasesOfAPage, ...(marker && { Marker: marker }) });
      const page = await this.#ask('*', 'kms:ListAliases', (options) => this.#client.send(command, options));
      yield* (page.Aliases ?? []).flatMap(usableAlias);
      marker = page.Truncated === true ? page.NextMarker : undefined;
    } while (marker !== undefined);
  }

  async #ask<T>(
    name: string,
    permission: string,
    send: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    try {
      return await send({ abortSignal: AbortSignal.timeout(this.#timeoutMs) });
    } catch (error) {
      throw awsFault(error, { name, permission });
    }
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

function keyOf(metadata: KeyMetadata | undefined): AwsKey {
  const { KeyId: id, Arn: arn = '', CreationDate: createdAt, KeySpec, KeyUsage } = present(metadata);
  const purposes = ['signing', 'encryption'] as const;
  return {
    id: present(id),
    arn,
    createdAt: present(createdAt),
    isEnabled: metadata?.KeyState === 'Enabled',
    purpose: purposes.find((one) => specs[one].KeySpec === KeySpec && specs[one].KeyUsage === KeyUsage) ?? null,
    description: metadata?.Description ?? '',
  };
}

function usableAlias({ AliasName: alias, TargetKeyId: keyId }: AliasListEntry): AwsAlias[] {
  return alias === undefined || keyId === undefined || alias.startsWith('alias/aws/') ? [] : [{ alias, keyId }];
}

function contextOf(aad: Uint8Array): { readonly aad: string } {
  return { aad: Buffer.from(aad).toString('base64') };
}

function present<T>(part: T | undefined): T {
  if (part === undefined) throw managerUnavailable(new Error('AWS KMS: an answer lacks a part'));
  return part;
}
