/** The door of every method that partners call: the caller proves itself, and is told at once who answers. */
import type { CallContext } from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';
import type { AuthenticatedPartner, PartnerAuthenticator } from './caller.ts';

/** Unpadded base64url of 16 to 64 bytes. */
const nonceForm = /^[A-Za-z0-9_-]{22,86}$/;

/** What the door is told. */
export interface Admission {
  /** False for deployed clients, which know nothing of it. */
  readonly needsNonce: boolean;
  /** Waits for the partner's turn, before anything is done for it that costs something: a signature of our key. */
  takeTurn(partnerId: number): Promise<void>;
}

/**
 * Lets the caller in, and sends the initial metadata, with our identity where a nonce was sent.
 * @throws AppError as `PartnerAuthenticator.authenticate` and `takeTurn`; invalid `nonce_missing`, `nonce_invalid`
 */
export async function admitPartner(
  authenticator: PartnerAuthenticator,
  context: CallContext,
  { needsNonce, takeTurn }: Admission,
): Promise<AuthenticatedPartner> {
  const admission = await authenticator.authenticate(context.metadata);
  await takeTurn(admission.partner.id);
  const nonce = context.metadata.get('enmesh-nonce');
  if (nonce === undefined && needsNonce) {
    throw new AppError('invalid', 'nonce_missing', 'send a nonce in the metadata: enmesh-nonce');
  }
  if (nonce !== undefined && !nonceForm.test(nonce)) {
    throw new AppError('invalid', 'nonce_invalid', 'enmesh-nonce wants 16 to 64 random bytes as unpadded base64url');
  }
  if (nonce !== undefined) {
    const identity = await authenticator.identityAnswer(admission.partner, nonce);
    if (identity !== null) context.header.set('enmesh-identity', identity);
  }
  // An empty header would be kept back until the first answer, for which a caller that waits for it would wait in vain.
  context.header.set('enmesh-protocol', 'v1');
  context.sendHeader();
  return admission;
}
