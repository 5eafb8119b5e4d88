/** The first steps of an explanation: the body as bytes, as JSON, as members. */
import { AppError } from '../../../domain/errors.ts';
import {
  decodePublishBody,
  DecodeFailure,
  publishMembers,
  type PublishBody,
} from '../../../domain/publish-body/decode.ts';
import { decodeV1Alpha1Body, v1Alpha1Members } from '../../../domain/publish-body/decode-v1alpha1.ts';
import type { Steps } from './steps.ts';
import { tellCount } from './tell.ts';

/** Where a publish was sent to. */
export type ApiVersion = 'v1' | 'v1alpha1';

/** Bytes of a body that are looked at; the gateway reads no more (reference 1.4). */
export const longestBody = 64_000;

const apis = {
  v1: { route: 'POST /v1/publish', decode: decodePublishBody, members: publishMembers },
  v1alpha1: { route: 'POST /', decode: decodeV1Alpha1Body, members: v1Alpha1Members },
} as const;

/** Reads the body as the gateway does. */
export function explainBody(bytes: Buffer, version: ApiVersion, steps: Steps): PublishBody | DecodeFailure {
  const api = apis[version];
  const body = api.decode(bytes.subarray(0, longestBody), bytes.length > longestBody);
  if (body instanceof DecodeFailure) {
    const { status, text } = body;
    const message = `error unmarshalling API call, code: ${String(status)}: ${text}`;
    const refusal = new AppError('invalid', 'bad_request', message);
    steps.refused('body', refusal, ...placeOf(text, bytes), ...hintsOf(bytes, version));
    return body;
  }
  const size = `${tellCount(bytes.length, 'byte')} of ${String(longestBody)}`;
  const found = `${tellCount(body.temporaryExposureKeys.length, 'key')} for ${api.route}`;
  const hints = hintsOf(bytes, version);
  if (hints.length === 0) steps.passed('body', `${size}, ${found}`);
  else steps.warned('body', `${size}, ${found}`, ...hints);
  return body;
}

const shownAround = 30;

/** The bytes around the position that a text names, or the last ones of a body that was cut. */
function placeOf(text: string, bytes: Buffer): string[] {
  if (text === 'malformed json') {
    const end = `it ends after ${tellCount(bytes.length, 'byte')}, before its JSON is complete: was it cut?`;
    return [end, bytesAround(bytes.length + 1, bytes)];
  }
  const position = Number(/at position (\d+)$/.exec(text)?.[1] ?? 0);
  return position === 0 ? [] : [bytesAround(position, bytes)];
}

/** @param position counted from 1 */
function bytesAround(position: number, bytes: Buffer): string {
  const start = Math.max(0, position - 1 - shownAround);
  const before = bytes.subarray(start, position - 1).toString();
  const after = bytes.subarray(position - 1, position - 1 + shownAround).toString();
  return `at the mark: ${JSON.stringify(`${before}▶${after}`)}`;
}

/** Mistakes that only show in the JSON as a whole. */
function hintsOf(bytes: Buffer, version: ApiVersion): string[] {
  if (bytes[0] === 0xef && bytes[1] === 0xbb) return ['the body begins with a byte order mark: send plain UTF-8'];
  const body = parse(bytes);
  if (body === undefined) return [];
  const known = new Set(apis[version].members.inOrder.map(({ name }) => name.toLowerCase()));
  const ignored = Object.keys(body).filter((name) => !known.has(name.toLowerCase()));
  const hints =
    ignored.length === 0
      ? []
      : [`members that nobody reads: ${ignored.map((name) => JSON.stringify(name)).join(', ')}`];
  const other = version === 'v1' ? 'appPackageName' : 'healthAuthorityID';
  if (ignored.includes(other)) {
    hints.push(`${other} belongs to ${apis[version === 'v1' ? 'v1alpha1' : 'v1'].route}: was it sent there?`);
  }
  return hints;
}

function parse(bytes: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
