/** Tokens of Google's issuer, from the metadata server or for a service account. They cannot cover a nonce, so they answer no call. */
import { readFile } from 'node:fs/promises';
import type { GoogleAuth, JWTOptions } from 'google-auth-library';
import { decodeJwt, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { within } from '../../platform/time-limit.ts';
import type { IdentityTokens } from './identity-tokens.ts';

/** The `iss` of Google's ID tokens. */
export const googleIssuer = 'https://accounts.google.com';

/** A token that has less left is not used for another call: of an hour, as Google's have. */
const leastLifeMs = 600_000;
/** Longest wait for a token; the library tries again by itself. */
const timeoutMs = 10_000;
/** More audiences than partners at a time. */
const mostAudiences = 1_000;

/** What {@link createGoogleTokens} needs. */
export interface GoogleTokensDeps {
  readonly auth: Pick<GoogleAuth, 'getIdTokenClient'>;
  readonly clock: Clock;
  /** Partners and the paths of keys know us by these. */
  readonly issuer: string;
  readonly subject: string;
}

interface Fetched {
  readonly token: string;
  readonly expiresAt: number;
}

/** Tokens need no project; where none is given, Google's client runs `gcloud` to find one. */
const projectId = 'enmesh';

/**
 * Opens Google's client: for the service account of one file, or else by its own rules (GOOGLE_APPLICATION_CREDENTIALS,
 * metadata server).
 *
 * @throws AppError `precondition`/`identity_credentials` for a file that is none of a service account
 */
export async function googleAuth(
  credentialsFile: string | undefined,
  clientOptions: Pick<JWTOptions, 'transporter'> = {},
): Promise<GoogleAuth> {
  // Loaded when it is needed: most installations have their own issuer.
  const { GoogleAuth, JWT } = await import('google-auth-library');
  if (credentialsFile === undefined) return new GoogleAuth({ projectId, clientOptions });
  const { client_email: email, private_key: key } = await readAccount(credentialsFile);
  return new GoogleAuth({ projectId, authClient: new JWT({ ...clientOptions, email, key }) });
}

/** What matters of a service account's file. */
interface ServiceAccount {
  readonly client_email: string;
  readonly private_key: string;
}

async function readAccount(file: string): Promise<ServiceAccount> {
  try {
    const account = JSON.parse(await readFile(file, 'utf8')) as Partial<ServiceAccount>;
    const { client_email, private_key } = account;
    if (typeof client_email === 'string' && typeof private_key === 'string') return { client_email, private_key };
  } catch {
    // The parser's words may quote the file.
  }
  throw new AppError(
    'precondition',
    'identity_credentials',
    'ENMESH_IDENTITY_CREDENTIALS names no file that can be read: wants the JSON file of a service account',
  );
}

/** Makes them. */
export function createGoogleTokens(deps: GoogleTokensDeps): IdentityTokens {
  const tokens = new LRUCache<string, Promise<Fetched>>({ max: mostAudiences });
  return {
    async forCalls(audience) {
      const known = await tokens.get(audience)?.catch(() => undefined);
      if (known !== undefined && known.expiresAt - deps.clock.now().getTime() > leastLifeMs) return known.token;
      const fetched = fetchToken(deps, audience);
      tokens.set(audience, fetched);
      return (await fetched).token;
    },
    forAnswer: () => Promise.resolve(null),
  };
}

async function fetchToken({ auth, issuer, subject }: GoogleTokensDeps, audience: string): Promise<Fetched> {
  const { token, claims } = await ask(auth, audience);
  if (claims.aud !== audience || claims.exp === undefined) throw unavailable();
  if (claims.iss === issuer && claims.sub === subject) return { token, expiresAt: claims.exp * 1000 };
  throw new AppError(
    'precondition',
    'identity_mismatch',
    "Google's tokens of this account name another issuer or subject than ENMESH_IDENTITY_ISSUER and ENMESH_IDENTITY_SUBJECT: the subject is the unique id of the service account",
  );
}

async function ask(
  auth: GoogleTokensDeps['auth'],
  audience: string,
): Promise<{ readonly token: string; readonly claims: JWTPayload }> {
  try {
    const fetching = auth.getIdTokenClient(audience).then((client) => client.idTokenProvider.fetchIdToken(audience));
    const token = await within(timeoutMs, fetching);
    return { token, claims: decodeJwt(token) };
  } catch {
    // The library's errors hold tokens and keys, so nothing of them goes on.
    throw unavailable();
  }
}

function unavailable(): AppError {
  return new AppError(
    'unavailable',
    'identity_unavailable',
    'Google gives no ID token: see that the metadata server answers, or that ENMESH_IDENTITY_CREDENTIALS names the file of a service account',
  );
}
