/** The steps of a certificate's claims and signature, each check for itself. */
import { verify } from 'node:crypto';
import type { App, Authority, AuthorityCache, AuthorityKey } from '../authority-cache.ts';
import {
  activeKeys,
  authorityOf,
  verifyAudience,
  verifyBegun,
  verifyNotEnded,
  verifyReportType,
  verifySignature,
  verifyTrust,
} from '../certificate-checks.ts';
import type { PublishCommand } from '../command.ts';
import type { CompactJws } from '../compact-jws.ts';
import type { PublishSettings } from '../settings.ts';
import { check, type Steps } from './steps.ts';
import { tellSeconds, tellTime } from './tell.ts';

/** What a certificate is looked at with. */
export interface CertificateFacts {
  readonly command: PublishCommand;
  /** Undefined = the app is unknown. */
  readonly app: App | undefined;
  readonly authorities: AuthorityCache;
  readonly settings: PublishSettings;
  readonly now: Date;
}

/** Takes them in the order in which a publish does. */
export async function explainClaims(jws: CompactJws, facts: CertificateFacts, steps: Steps): Promise<void> {
  const { claims, kid } = jws;
  const { app, authorities, settings, now } = facts;
  steps.passed('certificate: form', `alg ES256, kid ${kid === undefined ? 'that is no text' : JSON.stringify(kid)}`);
  const found = await check(() => authorityOf(claims, authorities));
  steps.report('certificate: issuer', found, {
    passed: [`iss ${JSON.stringify(claims.iss)} is known`],
    refused: ['iss must be the issuer of an entry under healthAuthorities, to the letter'],
  });
  const authority = found.value;
  const keys = await explainKeys(jws, { authority, now }, steps);
  const times = timesOf(jws, facts);
  steps.report('certificate: begun', await check(() => verifyBegun(claims, settings, now)), {
    passed: times,
    refused: [...times, "the issuer's clock goes ahead, or --at is earlier than the request"],
  });
  await explainSignature(jws, { authority, keys }, steps);
  steps.report('certificate: not ended', await check(() => verifyNotEnded(claims, settings, now)), { refused: times });
  if (app && authority) {
    steps.report('certificate: trust', await check(() => verifyTrust(app, authority)), {
      passed: [`app ${app.appId} takes certificates of this issuer`],
      refused: ["add the issuer to the app's healthAuthorities"],
    });
  } else {
    steps.skipped('certificate: trust', 'app or issuer is unknown');
  }
  steps.report('certificate: report type', await check(() => verifyReportType(claims)), {
    passed: [claims.reportType],
    refused: ['it must be confirmed, likely, negative or user-report'],
  });
}

interface KeyContext {
  readonly authority: Authority | undefined;
  readonly now: Date;
}

/** The keys that count now; none where that is a fault. */
async function explainKeys(
  { claims, kid }: CompactJws,
  { authority, now }: KeyContext,
  steps: Steps,
): Promise<readonly AuthorityKey[]> {
  if (!authority) {
    steps.skipped('certificate: audience', 'the issuer is unknown');
    steps.skipped('certificate: key', 'the issuer is unknown');
    return [];
  }
  steps.report('certificate: audience', await check(() => verifyAudience(claims, authority)), {
    passed: [`aud ${JSON.stringify(claims.aud)}`],
    refused: [
      `aud is ${JSON.stringify(claims.aud)}, the authority's audience is ${JSON.stringify(authority.audience)}`,
    ],
  });
  const active = await check(() => activeKeys(authority, kid, now));
  const told = authority.keys.map(tellKey);
  steps.report('certificate: key', active, {
    passed: (active.value ?? []).map(tellKey),
    refused: [
      `it is ${tellTime(now)}, kid is ${JSON.stringify(kid ?? null)}; the authority's keys:`,
      ...(told.length === 0 ? ['none'] : told),
    ],
  });
  return active.value ?? [];
}

function tellKey({ version, validFrom, validThru }: AuthorityKey): string {
  return `${JSON.stringify(version)} from ${tellTime(validFrom)} thru ${validThru ? tellTime(validThru) : 'no end'}`;
}

function timesOf({ claims: { iat, nbf, exp } }: CompactJws, { settings, now }: CertificateFacts): string[] {
  const tell = (seconds: number | undefined) => (seconds === undefined ? 'missing' : tellSeconds(seconds));
  return [
    `iat ${tell(iat)}, nbf ${tell(nbf)}, exp ${tell(exp)}`,
    `now ${tellSeconds(Math.floor(now.getTime() / 1000))}, leeway ${String(settings.certificateLeewaySeconds)} s, longest lifetime ${String(settings.certificateMaxLifetimeSeconds)} s`,
  ];
}

interface SignatureContext {
  readonly authority: Authority | undefined;
  readonly keys: readonly AuthorityKey[];
}

async function explainSignature(jws: CompactJws, { authority, keys }: SignatureContext, steps: Steps): Promise<void> {
  if (keys.length > 0) {
    const signed = await check(() => verifySignature(jws, keys));
    steps.report('certificate: signature', signed, { refused: authority ? signatureHints(jws, authority) : [] });
    return;
  }
  const known = authority?.keys ?? [];
  steps.skipped('certificate: signature', 'no key to verify it with', ...signersOf(jws, known));
}

/** What else the signature might be. */
function signatureHints(jws: CompactJws, authority: Authority): string[] {
  const { signature, signingInput } = jws;
  const isDer = authority.keys.some(({ publicKey }) =>
    verify('sha256', Buffer.from(signingInput), publicKey, signature),
  );
  const length = `it has ${String(signature.length)} bytes; it must be the 64 of r and s, in base64url without padding`;
  return [
    ...(signature.length === 64 ? [] : [length]),
    ...(isDer ? ['it is good, but in DER: write r and s one after the other, 32 bytes each (JWS, ES256)'] : []),
    ...signersOf(jws, authority.keys),
  ];
}

/** Keys of the authority that made the signature although another one was named. */
function signersOf(jws: CompactJws, keys: readonly AuthorityKey[]): string[] {
  return keys.flatMap((key) => {
    try {
      verifySignature(jws, [key]);
      return [`the signature was made with ${tellKey(key)}`];
    } catch {
      return [];
    }
  });
}
