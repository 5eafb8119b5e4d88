/** The steps of a certificate, as far as they can be taken, also after the first fault (reference 3.2). */
import { isCertifiedReportType } from '../../../domain/publish/report-type.ts';
import type { DiagnosisClaims } from '../../../domain/publish/request.ts';
import { certificateRefusal } from '../certificate-checks.ts';
import { verifyCertificate, type VerifiedCertificate } from '../certificate.ts';
import { parseCompactJws, type CompactJws } from '../compact-jws.ts';
import { explainClaims, type CertificateFacts } from './claims.ts';
import { explainHmac } from './hmac.ts';
import { check, Steps } from './steps.ts';

/** What the steps after it go on with. */
export interface ExplainedCertificate {
  /** Undefined where it does not hold. */
  readonly verified: VerifiedCertificate | undefined;
  /** What counts for the keys; of a certificate that does not hold, what it says. */
  readonly claims: DiagnosisClaims | undefined;
}

/** Looks at everything that a certificate is checked for. */
export async function explainCertificate(facts: CertificateFacts, steps: Steps): Promise<ExplainedCertificate> {
  const { command, app } = facts;
  const verified = app && (await check(() => verifyCertificate(command, app, facts)));
  const own = new Steps();
  const { jws, fault } = parseCompactJws(command.certificate);
  if (jws) await explainClaims(jws, facts, own);
  else own.refused('certificate: form', certificateRefusal(fault), ...hintsOfForm(command.certificate));
  await explainHmac({ command, claims: jws?.claims, maxKeys: facts.settings.maxKeys }, own);
  if (app?.bypassesCertificate === true && verified?.refusal?.kind === 'unauthenticated') {
    steps.append(own, { asWarnings: 'the app needs no certificate: the publish goes on without report type' });
    return { verified: undefined, claims: undefined };
  }
  steps.append(own);
  return { verified: verified?.value, claims: verified?.value ?? statedClaims(jws) };
}

function statedClaims(jws: CompactJws | undefined): DiagnosisClaims | undefined {
  if (!jws || !isCertifiedReportType(jws.claims.reportType)) return undefined;
  return { reportType: jws.claims.reportType, symptomOnsetInterval: jws.claims.symptomOnsetInterval };
}

/** What the parts hold, as far as they are base64url. */
function hintsOfForm(certificate: string): string[] {
  if (certificate === '') return ['verificationPayload is missing or empty'];
  const segments = certificate.split('.');
  const [header = '', claims = ''] = segments.map((segment) => Buffer.from(segment, 'base64url').toString());
  const shown = [`header: ${JSON.stringify(header)}`, `claims: ${JSON.stringify(claims)}`];
  const padded = /=/.test(certificate) ? ['segments are base64url without padding: no `=`, `+` or `/`'] : [];
  return [`it has ${String(segments.length)} segments of 3`, ...padded, ...shown];
}
