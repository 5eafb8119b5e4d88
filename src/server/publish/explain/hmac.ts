/** The step of the HMAC: the exact text, the expected value, and which mistake leads to the one in the certificate. */
import { createHmac } from 'node:crypto';
import { decodeLenientBase64 } from '../../../domain/publish/base64.ts';
import { hmacTexts } from '../../../domain/publish/hmac-text.ts';
import { isCertifiedReportType } from '../../../domain/publish/report-type.ts';
import { verifyHmac } from '../certificate-checks.ts';
import type { CertificateClaims } from '../certificate-claims.ts';
import type { PublishCommand } from '../command.ts';
import { findHmacMistakes } from './hmac-mistakes.ts';
import { check, type Steps } from './steps.ts';
import { tellCount } from './tell.ts';

/** What the HMAC is made of. */
export interface HmacContext {
  readonly command: PublishCommand;
  /** Undefined = the certificate cannot be read. */
  readonly claims: CertificateClaims | undefined;
  /** Mistakes are not searched in requests with more keys. */
  readonly maxKeys: number;
}

/** Shows what the HMAC must be, whether or not the certificate can be read. */
export async function explainHmac({ command, claims, maxKeys }: HmacContext, steps: Steps): Promise<void> {
  const texts = command.keys.length === 0 ? [] : hmacTexts(command.keys);
  const lines = expectedLines(command, texts);
  if (!claims) {
    steps.skipped('certificate: HMAC', ...lines);
    return;
  }
  const stated = `tekmac in the certificate: ${JSON.stringify(claims.tekmac)}`;
  const verified = await check(() => verifyHmac(claims, command, texts));
  const isSearched = command.keys.length > 0 && command.keys.length <= maxKeys;
  steps.report('certificate: HMAC', verified, {
    passed: lines,
    refused: [...lines, stated, ...(verified.refusal && isSearched ? mistakesOf(command, claims) : [])],
  });
}

function expectedLines({ hmacKey }: PublishCommand, texts: readonly string[]): string[] {
  const { bytes: secret, fault } = decodeLenientBase64(hmacKey);
  if (secret === undefined) return [`hmacKey is no base64: ${fault}`];
  const under = `HMAC-SHA-256 under the ${tellCount(secret.length, 'byte')} of hmacKey, over`;
  return texts.flatMap((text, index) => [
    index === 0 ? under : 'or, as no key has a transmission risk, over',
    text,
    `(${tellCount(Buffer.byteLength(text), 'byte')}) is ${createHmac('sha256', secret).update(text).digest('base64')}`,
  ]);
}

function mistakesOf({ keys, hmacKey }: PublishCommand, { tekmac, reportType }: CertificateClaims): string[] {
  const mistakes = findHmacMistakes({
    keys,
    hmacKey,
    tekmac,
    reportType: isCertifiedReportType(reportType) ? reportType : 'none',
  });
  if (mistakes) return ['this tekmac comes out when you', ...mistakes.map((mistake) => `- ${mistake}`)];
  return [
    'no usual mistake leads to this tekmac: the certificate was made over other keys or numbers, or under another hmacKey',
  ];
}
