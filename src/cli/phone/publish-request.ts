/** A publish over HTTP: request and answer. */
import { AppError } from '../../domain/errors.ts';

/** What goes over the wire. */
export interface PublishRequest {
  /** JSON. */
  readonly body: string | Uint8Array;
  readonly isV1Alpha1: boolean;
  readonly isChaff: boolean;
  /** Undefined = that of this program. */
  readonly userAgent: string | undefined;
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

/**
 * Posts a body to the gateway.
 * @throws AppError `unavailable` when the gateway cannot be reached
 */
export async function postPublish(gatewayUrl: string, request: PublishRequest): Promise<PublishAnswer> {
  const url = `${gatewayUrl}${request.isV1Alpha1 ? '/' : '/v1/publish'}`;
  const { userAgent } = request;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(request.isChaff ? { 'x-chaff': '1' } : {}),
        ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
      },
      body: request.body,
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
