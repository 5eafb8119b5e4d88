/** The responses of the routes that answer with codes, from the one table of codes. */
import { clientCodeList, type ClientCode } from '../codes.ts';
import { header, type Part } from './part.ts';

/** The routes with codes. The first apps (v1alpha1) are told statuses and texts alone. */
export type CodedApi = 'publish' | 'v1alpha1' | 'stats';

/** What the responses of one route have in common. */
export interface CodedResponses {
  readonly api: CodedApi;
  readonly schema: Part;
  /** What 200 means. */
  readonly success: string;
  readonly example: Part;
  /** Value of `x-api-version`, where it is sent. */
  readonly version?: string;
}

/** The codes of a route, with its statuses. */
export function codesOf(api: CodedApi): readonly (readonly [code: string, statuses: readonly number[], ClientCode])[] {
  return clientCodeList.flatMap(([code, meaning]) => {
    const statuses = statusesOf(meaning, api);
    return statuses.length > 0 ? [[code, statuses, meaning] as const] : [];
  });
}

function statusesOf({ statuses }: ClientCode, api: CodedApi): readonly number[] {
  if (api === 'v1alpha1') return statuses.v1alpha1 ?? statuses.publish ?? [];
  return statuses[api] ?? [];
}

/** Status → response; a description lists the codes that come with the status. */
export function codedResponses(options: CodedResponses): Part {
  const codes = codesOf(options.api);
  const statuses = [...new Set([200, ...codes.flatMap(([, all]) => all)])].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const lines = codes
        .filter(([, all]) => all.includes(status))
        .map(([code, , { meaning }]) => (options.api === 'v1alpha1' ? meaning : `\`${code}\`: ${meaning}`));
      return [String(status), response(status, lines, options)];
    }),
  );
}

function response(
  status: number,
  lines: readonly string[],
  { schema, success, example, version }: CodedResponses,
): Part {
  const isSuccess = status === 200;
  const json = isSuccess ? { schema, example } : { schema };
  return {
    description: (isSuccess ? [success, ...lines] : lines).join('\n\n'),
    headers: headersOf(status, version),
    content: { 'application/json': json },
  };
}

function headersOf(status: number, version: string | undefined): Part {
  return {
    ...(version === undefined ? {} : { 'x-api-version': header('Form of the answer.', { const: version }) }),
    ...(status === 405 ? { allow: header('What is answered.', { const: 'POST' }) } : {}),
    ...(status === 429 || status === 503 ? { 'retry-after': header('Seconds to wait.', { type: 'integer' }) } : {}),
  };
}
