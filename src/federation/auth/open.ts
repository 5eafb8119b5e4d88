/** Everything that proves identities, put together for one process. */
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import type { Clock } from '../../platform/clock.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Database } from '../../storage/database.ts';
import { createPartnerAuthenticator, type PartnerAuthenticator } from './caller.ts';
import { createGoogleTokens, googleAuth } from './google-tokens.ts';
import { issuerMissing } from './identity-missing.ts';
import type { IdentityTokens } from './identity-tokens.ts';
import { readIssuerKeys } from './issuer-documents.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { createOwnTokens } from './own-tokens.ts';
import type { PartnerChannelDeps } from './partner-channel.ts';
import { ownAuthority, type AuthSettings } from './settings.ts';
import { createTokenVerifier } from './token-verifier.ts';

/** What {@link openAuth} needs. */
export interface AuthDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly keyManager: Pick<KeyManager, 'sign'>;
  readonly settings: AuthSettings;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

/** Who is who. */
export interface Auth {
  /** Our name in the paths of keys. */
  readonly self: AuthorityId;
  /** For those who call us. */
  readonly authenticator: PartnerAuthenticator;
  /** For those whom we call: the third argument of `openPartnerClient`. */
  readonly channels: PartnerChannelDeps;
}

/** Opens it; nothing is asked of anybody yet. */
export async function openAuth({ database, clock, keyManager, settings, signal }: AuthDeps): Promise<Auth> {
  const tokens = await openTokens({ database, clock, keyManager, settings, signal });
  const keys = new IssuerKeys({ clock, read: (issuer) => readIssuerKeys(issuer, settings.issuers, signal) });
  const verifier = createTokenVerifier({ keys, clock });
  return {
    self: ownAuthority(settings.identity),
    authenticator: createPartnerAuthenticator({ database, clock, tokens, verifier }),
    channels: { tokens, verifier, settings: settings.channels },
  };
}

async function openTokens({ settings, database, clock, keyManager }: AuthDeps): Promise<IdentityTokens> {
  const { source, issuer, subject, key, credentialsFile } = settings.identity;
  if (issuer === undefined) return withoutIdentity;
  if (source === 'own') return createOwnTokens({ database, clock, keyManager, issuer, subject, key });
  return createGoogleTokens({ auth: await googleAuth(credentialsFile), clock, issuer, subject });
}

/** Until an issuer is set, we can be nobody. */
const withoutIdentity: IdentityTokens = {
  forCalls: () => Promise.reject(issuerMissing()),
  forAnswer: () => Promise.reject(issuerMissing()),
};
