/** Names a request by keyed hashes, so that a repetition is known without keeping what was sent. */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { KeptKey } from '../../domain/publish/request.ts';
import type { EarlierAnswer, Receipt } from '../../storage/exposures/receipts.ts';
import type { VerifiedCertificate } from './certificate.ts';
import type { PublishCommand } from './command.ts';

/** Derives the key of the hashes from a secret of the installation. */
export function receiptSecret(installationSecret: Uint8Array): KeyObject {
  return createSecretKey(
    Buffer.from(hkdfSync('sha256', installationSecret, new Uint8Array(), 'enmesh publish receipt', 32)),
  );
}

/** The receipt of a request: the order of its keys and its padding do not count, everything else does. */
export function receiptOf(command: PublishCommand, certificate: VerifiedCertificate, secret: KeyObject): Receipt {
  const content = JSON.stringify([
    command.appId.toLowerCase(),
    certificate.keysText,
    command.symptomOnsetInterval,
    command.traveler,
    command.revisionToken,
    command.regions.toSorted(),
  ]);
  return {
    certificateHash: keyedHash(secret, `certificate ${certificate.signingInput}`),
    contentHash: keyedHash(secret, `content ${content}`),
    expiresAt: certificate.refusedFrom,
  };
}

/** Which of the request's keys are in the answer's token, as a receipt remembers it: one byte a key, in HMAC order. */
export function encodeTokens(order: readonly number[], listed: readonly Pick<KeptKey, 'index'>[]): Buffer {
  const indexes = new Set(listed.map(({ index }) => index));
  return Buffer.from(order.map((index) => (indexes.has(index) ? 1 : 0)));
}

/** The keys of a repeated request that were in the first answer's token. */
export function decodeTokens(
  { tokens }: EarlierAnswer,
  order: readonly number[],
  keys: readonly KeptKey[],
): readonly KeptKey[] {
  const listed = new Set(order.filter((_, position) => tokens[position] === 1));
  return keys.filter(({ index }) => listed.has(index));
}

function keyedHash(secret: KeyObject, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}
