/** A publish as a phone sends it: body, HTTP request, answer. */
import { randomBytes, randomInt } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { signCertificate, type ReportType } from './certificate.ts';
import type { PhoneKey } from './exposure-keys.ts';
import { canonicalText, macOf } from './hmac.ts';
import type { Phone } from './phone-file.ts';

/** What the person decides. */
export interface PublishContent {
  readonly keys: readonly PhoneKey[];
  readonly reportType: ReportType;
  readonly symptomOnsetInterval?: number;
  readonly traveler: boolean;
  /** Empty = none. */
  readonly revisionToken: string;
}

/** JSON body of `POST /v1/publish` (reference 1.5). */
export interface PublishBody {
  readonly temporaryExposureKeys: readonly PhoneKey[];
  readonly healthAuthorityID: string;
  readonly verificationPayload: string;
  readonly hmacKey: string;
  readonly symptomOnsetInterval?: number;
  readonly traveler: boolean;
  readonly revisionToken?: string;
  readonly padding: string;
}

/** The gateway's answer. */
export interface PublishAnswer {
  readonly status: number;
  readonly insertedExposures: number;
  readonly revisionToken: string;
  readonly code: string;
  readonly error: string;
  readonly warnings: readonly string[];
  /** Bytes of the body. */
  readonly size: number;
}

const timeoutMs = 30_000;

/** Makes the HMAC secret, has the certificate signed over it and the keys, and puts the body together. */
export function makePublishBody(phone: Phone, content: PublishContent, now: Date): PublishBody {
  const secret = randomBytes(32);
  const onset =
    content.symptomOnsetInterval === undefined ? {} : { symptomOnsetInterval: content.symptomOnsetInterval };
  const claims = {
    issuer: phone.issuer,
    audience: phone.audience,
    reportType: content.reportType,
    tekmac: macOf(canonicalText(content.keys), secret),
    ...onset,
  };
  return {
    temporaryExposureKeys: content.keys,
    healthAuthorityID: phone.appId,
    verificationPayload: signCertificate(claims, phone, now),
    hmacKey: secret.toString('base64'),
    ...onset,
    traveler: content.traveler,
    ...(content.revisionToken === '' ? {} : { revisionToken: content.revisionToken }),
    padding: randomBytes(randomInt(1024, 2048)).toString('base64'),
  };
}

/** The same in shape and size, but with a payload that nobody signed: what a phone sends to hide when it really publishes. */
export function makeChaffBody(phone: Phone, content: PublishContent, now: Date): PublishBody {
  const body = makePublishBody(phone, content, now);
  const noise = randomBytes(body.verificationPayload.length).toString('base64url');
  return { ...body, verificationPayload: noise.slice(0, body.verificationPayload.length) };
}

/**
 * Posts a body to the gateway.
 * @param headers beyond the content type; chaff says so here
 * @throws AppError `unavailable` when the gateway cannot be reached
 */
export async function postPublish(
  gatewayUrl: string,
  body: PublishBody,
  headers: Readonly<Record<string, string>>,
): Promise<PublishAnswer> {
  const url = `${gatewayUrl}/v1/publish`;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return readAnswer(response.status, await response.text());
  } catch (error) {
    const cure = "start `enmesh dev`, or correct gatewayUrl in the phone's file";
    throw new AppError('unavailable', 'unavailable', `no answer from ${url}; ${cure}`, { cause: error });
  }
}

function readAnswer(status: number, text: string): PublishAnswer {
  const document = parseObject(text);
  const field = (name: string): string => (typeof document[name] === 'string' ? document[name] : '');
  const warnings: unknown = document['warnings'];
  return {
    status,
    insertedExposures: Number(document['insertedExposures'] ?? 0),
    revisionToken: field('revisionToken'),
    code: field('code'),
    error: field('error'),
    warnings: Array.isArray(warnings) ? warnings.map(String) : [],
    size: Buffer.byteLength(text),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
