/** Which partner calls: its ID token is verified, and its grant is looked up anew each time. */
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Database } from '../../storage/database.ts';
import { findPartnerByIdentity, readPartner, type KnownPartner } from '../../storage/partners/partners.ts';
import { bearerToken } from './bearer-token.ts';
import type { IdentityTokens } from './identity-tokens.ts';
import { PartnerIssuers } from './partner-issuers.ts';
import type { TokenVerifier } from './token-verifier.ts';
import { audienceRefused, claimedIssuer, identityUnknown, tokenRefused } from './unverified-token.ts';

/** A call's metadata, as far as it proves somebody. */
export interface CallerMetadata {
  get(name: string): string | Uint8Array | undefined;
}

/** A partner that has proven who it is. */
export interface AuthenticatedPartner {
  /** As it was when it called. */
  readonly partner: KnownPartner;
  /** Then it must prove itself again. */
  readonly tokenExpiresAt: Date;
}

/** Tells partners apart. */
export interface PartnerAuthenticator {
  /**
   * The partner whose token the metadata has. Words as a deployed server's (reference 5.2), and which check failed in the
   * details.
   * @throws AppError unauthenticated `token_missing`, `token_invalid`, `identity_unknown`, `token_audience`; forbidden
   *   `partner_paused`; unavailable `issuer_unreachable` while its issuer's keys are not known
   */
  authenticate(metadata: CallerMetadata): Promise<AuthenticatedPartner>;
  /**
   * What proves us to the caller: a token that covers its nonce; null when our issuer's tokens cannot.
   * @throws AppError as `IdentityTokens.forAnswer`
   */
  identityAnswer(partner: KnownPartner, nonce: string): Promise<string | null>;
  /**
   * The partner as it is configured now: to be asked for each batch of a stream, at least each 10 s.
   * @throws AppError unauthenticated `token_expired`, `identity_unknown`; forbidden `partner_paused`
   */
  readmit(admission: AuthenticatedPartner): Promise<KnownPartner>;
}

/** What {@link createPartnerAuthenticator} needs. */
export interface AuthenticatorDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly tokens: IdentityTokens;
  readonly verifier: TokenVerifier;
}

/** Makes it. */
export function createPartnerAuthenticator(deps: AuthenticatorDeps): PartnerAuthenticator {
  const issuers = new PartnerIssuers(deps.database);
  return {
    authenticate: (metadata) => authenticate({ ...deps, issuers }, metadata),
    identityAnswer: ({ ourAudience }, nonce) => deps.tokens.forAnswer(ourAudience, nonce),
    readmit: (admission) => readmit(deps, admission),
  };
}

async function authenticate(
  { database, verifier, issuers }: AuthenticatorDeps & { readonly issuers: PartnerIssuers },
  metadata: CallerMetadata,
): Promise<AuthenticatedPartner> {
  const token = bearerToken(metadata.get('authorization'));
  const issuer = claimedIssuer(token);
  // An issuer that nobody has costs no request.
  if (!(await issuers.has(issuer))) throw identityUnknown();
  const claims = await verifier.verify(token, { issuer });
  if (claims.nonce !== undefined) throw tokenRefused('it answers a call (nonce), so it cannot make one');
  const partner = await findPartnerByIdentity(database, claims);
  if (partner === null) throw identityUnknown();
  if (!claims.audiences.includes(partner.identity.audience)) throw audienceRefused();
  refusePaused(partner);
  return { partner, tokenExpiresAt: claims.expiresAt };
}

async function readmit(
  { database, clock }: AuthenticatorDeps,
  { partner, tokenExpiresAt }: AuthenticatedPartner,
): Promise<KnownPartner> {
  if (tokenExpiresAt <= clock.now()) {
    throw new AppError('unauthenticated', 'token_expired', 'the token has expired: call again with a new one');
  }
  const current = await readPartner(database, partner.id);
  const isSame =
    current?.identity.issuer === partner.identity.issuer &&
    current.identity.subject === partner.identity.subject &&
    current.identity.audience === partner.identity.audience;
  if (current === null || !isSame) throw identityUnknown();
  refusePaused(current);
  return current;
}

function refusePaused({ pausedAt }: KnownPartner): void {
  if (pausedAt !== null)
    throw new AppError('forbidden', 'partner_paused', 'the called authority has paused the exchange; try again later');
}
