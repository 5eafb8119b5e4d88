/** A server that answers as AWS KMS documents it (JSON 1.1 over HTTP): it really signs digests as they are, and seals. */
import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { signDigest } from '../../src/platform/key-manager/sign-digest.ts';

/** A key of the account. */
interface Key {
  readonly KeyId: string;
  readonly Arn: string;
  readonly KeySpec: string;
  readonly KeyUsage: string;
  readonly Description: string;
  readonly CreationDate: number;
  KeyState: string;
  readonly pair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
  readonly secret: Buffer;
}

/** How a call goes wrong: an error of the service, silence, a broken connection, or an answer that was changed. */
export type Fault =
  | { readonly status: number; readonly type: string; readonly message: string }
  | 'silence'
  | 'cut'
  | ((answer: Answer) => void);
type Answer = Record<string, unknown>;

/** The server. */
export interface AwsKms extends AsyncDisposable {
  readonly endpoint: string;
  readonly keys: Map<string, Key>;
  /** Alias → key id. */
  readonly aliases: Map<string, string>;
  /** Taken one by one by the next calls of an action, such as `Sign`. */
  readonly faults: Map<string, Fault[]>;
  /** Actions with what they asked, in the order of their calls. */
  readonly calls: { readonly action: string; readonly request: Request }[];
}

class Refusal extends Error {
  override readonly name: string;
  constructor(name: string, message = '') {
    super(message);
    this.name = name;
  }
}

/** Starts it on a free port of this machine. */
export async function startAwsKms(): Promise<AwsKms> {
  const kms: Pick<AwsKms, 'keys' | 'aliases' | 'faults' | 'calls'> = {
    keys: new Map(),
    aliases: new Map(),
    faults: new Map(),
    calls: [],
  };
  const actions = actionsOf(kms);
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const action = String(incoming.headers['x-amz-target']).replace('TrentService.', '');
    const request = JSON.parse(await text(incoming)) as Request;
    kms.calls.push({ action, request });
    const fault = kms.faults.get(action)?.shift();
    if (fault === 'silence') return;
    if (fault === 'cut') {
      incoming.socket.destroy();
      return;
    }
    const send = (status: number, body: Answer): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
      response.end(JSON.stringify(body));
    };
    if (typeof fault === 'object') {
      send(fault.status, { __type: fault.type, message: fault.message });
      return;
    }
    try {
      const body = actions[action]?.(request) ?? {};
      fault?.(body);
      send(200, body);
    } catch (error) {
      const { name, message } = error as Refusal;
      send(400, { __type: name, message });
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    ...kms,
    endpoint: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Request {
  readonly KeyId: string;
  readonly KeySpec: string;
  readonly KeyUsage: string;
  readonly Description: string;
  readonly AliasName: string;
  readonly TargetKeyId: string;
  readonly Limit: number;
  readonly Marker?: string;
  readonly Message: string;
  readonly MessageType: string;
  readonly SigningAlgorithm: string;
  readonly Plaintext: string;
  readonly CiphertextBlob: string;
  readonly EncryptionContext: Readonly<Record<string, string>>;
}

function actionsOf({ keys, aliases }: Pick<AwsKms, 'keys' | 'aliases'>): Record<string, (request: Request) => Answer> {
  const keyAt = (name: string): Key => {
    const [, alias = name] = /^arn:aws:kms:[^:]*:\d*:(alias\/.*)$/.exec(name) ?? [];
    const id = aliases.get(alias) ?? name.replace(/^.*:key\//, '');
    const key = keys.get(id);
    if (key === undefined) throw new Refusal('NotFoundException', `Key '${name}' does not exist`);
    return key;
  };
  const usable = (name: string, usage: string): Key => {
    const key = keyAt(name);
    if (key.KeyUsage !== usage)
      throw new Refusal('InvalidKeyUsageException', `${key.Arn} key usage is ${key.KeyUsage}`);
    if (key.KeyState === 'Disabled') throw new Refusal('DisabledException', `${key.Arn} is disabled.`);
    if (key.KeyState !== 'Enabled') throw new Refusal('KMSInvalidStateException', `${key.Arn} is ${key.KeyState}.`);
    return key;
  };
  const describe = (key: Key): Answer => ({ KeyMetadata: { ...key, pair: undefined, secret: undefined } });
  return {
    DescribeKey: ({ KeyId }) => describe(keyAt(KeyId)),
    GetPublicKey: ({ KeyId }) => {
      const { Arn, KeySpec, KeyUsage, pair } = usable(KeyId, 'SIGN_VERIFY');
      const der = pair.publicKey.export({ type: 'spki', format: 'der' });
      return { KeyId: Arn, KeySpec, KeyUsage, PublicKey: der.toString('base64') };
    },
    CreateKey: ({ KeySpec, KeyUsage, Description }) => {
      const KeyId = randomUUID();
      const Arn = `arn:aws:kms:eu-central-1:111122223333:key/${KeyId}`;
      const key = { KeyId, Arn, KeySpec, KeyUsage, Description, CreationDate: 1_767_225_600, KeyState: 'Enabled' };
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      keys.set(KeyId, { ...key, pair, secret: randomBytes(32) });
      return describe(keyAt(KeyId));
    },
    CreateAlias: ({ AliasName, TargetKeyId }) => {
      if (aliases.has(AliasName)) throw new Refusal('AlreadyExistsException', `An alias with the name ${AliasName}`);
      aliases.set(AliasName, keyAt(TargetKeyId).KeyId);
      return {};
    },
    ScheduleKeyDeletion: ({ KeyId }) => {
      keyAt(KeyId).KeyState = 'PendingDeletion';
      return { KeyId };
    },
    ListAliases: ({ Limit, Marker = '0' }) => {
      const from = Number(Marker);
      const all = [...aliases].map(([AliasName, TargetKeyId]) => ({ AliasName, TargetKeyId }));
      const Truncated = from + Limit < all.length;
      const next = Truncated ? { NextMarker: String(from + Limit) } : {};
      return { Aliases: all.slice(from, from + Limit), Truncated, ...next };
    },
    Sign: ({ KeyId, Message, MessageType, SigningAlgorithm }) => {
      const { Arn, pair } = usable(KeyId, 'SIGN_VERIFY');
      const digest = Buffer.from(Message, 'base64');
      if (MessageType !== 'DIGEST' || digest.length !== 32)
        throw new Refusal('ValidationException', 'Digest is invalid');
      return { KeyId: Arn, SigningAlgorithm, Signature: base64(signDigest(pair.privateKey, digest)) };
    },
    Encrypt: ({ KeyId, Plaintext, EncryptionContext }) => {
      const { Arn, KeyId: id, secret } = usable(KeyId, 'ENCRYPT_DECRYPT');
      const nonce = randomBytes(12);
      const sealing = createCipheriv('aes-256-gcm', secret, nonce);
      sealing.setAAD(Buffer.from(JSON.stringify(EncryptionContext)));
      const sealed = [sealing.update(Plaintext, 'base64'), sealing.final(), sealing.getAuthTag()];
      return { KeyId: Arn, CiphertextBlob: base64(Buffer.concat([Buffer.from(id), nonce, ...sealed])) };
    },
    Decrypt: ({ KeyId, CiphertextBlob, EncryptionContext }) => {
      const { Arn, KeyId: id, secret } = usable(KeyId, 'ENCRYPT_DECRYPT');
      const blob = Buffer.from(CiphertextBlob, 'base64');
      if (!keys.has(blob.toString('latin1', 0, 36))) throw new Refusal('InvalidCiphertextException');
      if (blob.toString('latin1', 0, 36) !== id) throw new Refusal('IncorrectKeyException');
      const opening = createDecipheriv('aes-256-gcm', secret, blob.subarray(36, 48));
      opening.setAAD(Buffer.from(JSON.stringify(EncryptionContext)));
      opening.setAuthTag(blob.subarray(-16));
      try {
        const opened = Buffer.concat([opening.update(blob.subarray(48, -16)), opening.final()]);
        return { KeyId: Arn, Plaintext: base64(opened) };
      } catch {
        throw new Refusal('InvalidCiphertextException');
      }
    },
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
