/** A copy of withdrawals as it lies in the blob store: worth nothing to whoever reads it, and nobody else can make one. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { WithdrawalScope } from '../../domain/withdrawal/withdrawal.ts';
import { hashLength, type WithdrawalCopy } from '../../domain/withdrawal/withdrawal-copy.ts';

/** What an object begins with: the format and its version. */
const magic = Buffer.from('ENMESHW1');
/** AES-GCM (NIST SP 800-38D): bytes of nonce and tag. */
const nonceLength = 12;
const tagLength = 16;
const cipher = 'aes-256-gcm';
const newline = 0x0a;

/** Keys of one installation's copies. */
export interface CopyKeys {
  /** Under which its copies lie; says nothing of the secret. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** @param secret 32 bytes, that the hashes are made with too */
export function copyKeys(secret: Uint8Array): CopyKeys {
  const derive = (info: string, length: number): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), info, length));
  return {
    id: Buffer.from(derive('enmesh withdrawal copies id', 16)).toString('hex'),
    key: derive('enmesh withdrawal copies', 32),
  };
}

interface Header {
  readonly keepUntil: string;
  readonly withdrawals: readonly {
    readonly uid: string;
    readonly scope: WithdrawalScope;
    readonly name: string;
    readonly since: string | null;
    readonly until: string | null;
    readonly at: string;
    readonly actor: string;
  }[];
}

/**
 * Format and version, nonce, then encrypted a line of JSON and the hashes, then the tag, which covers the name too.
 * @param name of the object
 */
export function sealCopy({ key }: CopyKeys, name: string, copy: WithdrawalCopy): Buffer {
  const nonce = randomBytes(nonceLength);
  const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagLength });
  sealing.setAAD(Buffer.concat([magic, Buffer.from(name)]));
  const header = JSON.stringify({ keepUntil: copy.keepUntil, withdrawals: copy.withdrawals });
  const content = [sealing.update(`${header}\n`, 'utf8'), sealing.update(copy.hashes), sealing.final()];
  return Buffer.concat([magic, nonce, ...content, sealing.getAuthTag()]);
}

/** @returns null for what was not made by {@link sealCopy} with this key and name */
export function openCopy({ key }: CopyKeys, name: string, sealed: Buffer): WithdrawalCopy | null {
  const start = magic.length + nonceLength;
  if (sealed.length < start + tagLength || !sealed.subarray(0, magic.length).equals(magic)) return null;
  const opening = createDecipheriv(cipher, key, sealed.subarray(magic.length, start), { authTagLength: tagLength });
  opening.setAAD(Buffer.concat([magic, Buffer.from(name)]));
  opening.setAuthTag(sealed.subarray(sealed.length - tagLength));
  try {
    return parse(Buffer.concat([opening.update(sealed.subarray(start, sealed.length - tagLength)), opening.final()]));
  } catch {
    return null;
  }
}

/** Of what we wrote ourselves: the tag has proved it. */
function parse(content: Buffer): WithdrawalCopy {
  const end = content.indexOf(newline);
  const { keepUntil, withdrawals } = JSON.parse(content.toString('utf8', 0, end)) as Header;
  const hashes = content.subarray(end + 1);
  if (hashes.length % hashLength !== 0) throw new RangeError('half a hash');
  return {
    keepUntil: new Date(keepUntil),
    withdrawals: withdrawals.map(({ since, until, at, ...rest }) => ({
      ...rest,
      since: since === null ? null : new Date(since),
      until: until === null ? null : new Date(until),
      at: new Date(at),
    })),
    hashes,
  };
}
