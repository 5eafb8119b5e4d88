/** Tokens of our own issuer: ES256, signed by the key manager, verified before anyone sees them. */
import { createHash, randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { AppError } from '../../domain/errors.ts';
import { identityKeyId } from '../../domain/federation/identity-key-id.ts';
import type { Clock } from '../../platform/clock.ts';
import type { KeyManager } from '../../platform/key-manager/key-manager.ts';
import type { Database } from '../../storage/database.ts';
import { identityKeyVersions, type IdentityKeyVersion } from '../../storage/partners/identity-keys.ts';
import { identityKeyMissing } from './identity-missing.ts';
import type { IdentityTokens } from './identity-tokens.ts';
import { isSignedBy, rawSignature } from './raw-signature.ts';

/** As long as those of Google's service accounts. */
export const tokenLifeSeconds = 3_600;
/** An answer is verified at once; this is for clocks. */
const answerLifeSeconds = 300;
/** A token that has less left is not used for another call. */
const leastLifeSeconds = 600;
/** How long the versions are remembered. */
const versionsMs = 10_000;
/** More audiences than partners at a time. */
const mostAudiences = 1_000;

/** What {@link createOwnTokens} needs. */
export interface OwnTokensDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly keyManager: Pick<KeyManager, 'sign'>;
  /** Of all tokens. */
  readonly issuer: string;
  readonly subject: string;
  /** Its name in the key manager, for messages. */
  readonly key: string;
}

interface CachedToken {
  readonly token: string;
  /** Of the version that signed it. */
  readonly version: string;
  readonly expiresAt: number;
}

/** Makes them. */
export function createOwnTokens(deps: OwnTokensDeps): IdentityTokens {
  const { clock } = deps;
  const tokens = new LRUCache<string, Promise<CachedToken>>({ max: mostAudiences });
  const currentVersion = rememberedVersion(deps);
  const make = async (version: IdentityKeyVersion, audience: string): Promise<CachedToken> => {
    const token = await sign(deps, version, { aud: audience, lifeSeconds: tokenLifeSeconds });
    return { token, version: version.version, expiresAt: clock.now().getTime() + tokenLifeSeconds * 1000 };
  };
  return {
    async forCalls(audience) {
      const version = await currentVersion();
      const known = await tokens.get(audience)?.catch(() => undefined);
      const isGood =
        known?.version === version.version && known.expiresAt - clock.now().getTime() > leastLifeSeconds * 1000;
      if (known !== undefined && isGood) return known.token;
      const made = make(version, audience);
      tokens.set(audience, made);
      return (await made).token;
    },
    async forAnswer(audience, nonce) {
      const version = await currentVersion();
      return await sign(deps, version, { aud: audience, nonce, lifeSeconds: answerLifeSeconds });
    },
  };
}

/** The version that signs now, asked for at most each 10 s. */
function rememberedVersion({ database, clock, key }: OwnTokensDeps): () => Promise<IdentityKeyVersion> {
  let known: readonly IdentityKeyVersion[] = [];
  let knownUntil = -Infinity;
  return async () => {
    const now = clock.now();
    if (now.getTime() >= knownUntil || known.length === 0) {
      known = await identityKeyVersions(database, clock);
      knownUntil = now.getTime() + versionsMs;
    }
    const version = signingVersion(known, now);
    if (version !== undefined) return version;
    throw identityKeyMissing(key);
  };
}

/**
 * The newest version that signs by now. The oldest signs before its time rather than nobody: the database's clock may be
 * ahead of ours.
 *
 * @param versions newest first
 */
export function signingVersion(versions: readonly IdentityKeyVersion[], now: Date): IdentityKeyVersion | undefined {
  return versions.find(({ from, thru }) => from <= now && (thru === null || thru > now)) ?? versions.at(-1);
}

interface TokenContent {
  readonly aud: string;
  readonly nonce?: string;
  readonly lifeSeconds: number;
}

async function sign(
  { keyManager, clock, issuer, subject }: OwnTokensDeps,
  { version, key, managerVersion, publicKeyPem }: IdentityKeyVersion,
  { lifeSeconds, ...claims }: TokenContent,
): Promise<string> {
  const iat = Math.floor(clock.now().getTime() / 1000);
  const header = { alg: 'ES256', typ: 'JWT', kid: identityKeyId({ version, publicKeyPem }) };
  const payload = { iss: issuer, sub: subject, ...claims, iat, exp: iat + lifeSeconds, jti: randomUUID() };
  const content = `${base64url(header)}.${base64url(payload)}`;
  const digest = createHash('sha256').update(content).digest();
  const signature = rawSignature(await keyManager.sign(key, managerVersion, digest));
  if (signature !== undefined && isSignedBy(publicKeyPem, content, signature)) {
    return `${content}.${signature.toString('base64url')}`;
  }
  throw new AppError(
    'internal',
    'signature_refused',
    `what the key manager gave as a signature of the key ${key} does not verify with its recorded public key: see that the key is the one that was recorded, or rotate it`,
  );
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
