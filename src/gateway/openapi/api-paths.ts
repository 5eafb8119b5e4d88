/** Paths of `/openapi.json` for phones that publish and health authorities that read statistics. */
import { v1, v1alpha1 } from '../publish/api.ts';
import { statsPath } from '../stats/handle.ts';
import { codedResponses, type CodedResponses } from './coded-responses.ts';
import { answerExample, publishExample, statsExample, v1Alpha1Example } from './example.ts';
import { reference, type Part } from './part.ts';

const chaff = {
  name: 'X-Chaff',
  in: 'header',
  description: 'With any value the request stores and reads nothing, and its answer looks like a real one.',
  schema: { type: 'string' },
};

/** What one operation is. */
interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly request: Part;
  readonly requestExample: Part;
  readonly responses: CodedResponses;
}

/** The publish in both forms, and statistics. */
export function apiPaths({ hasV1Alpha1 }: { readonly hasV1Alpha1: boolean }): Part {
  const stored =
    'Verified and stored, or known already: a repetition of the same request is answered like the first one.';
  const publish = {
    id: 'publishKeys',
    summary: 'Publish the keys of a person with a diagnosis, or revise them.',
    request: reference('PublishRequest'),
    requestExample: publishExample,
    responses: {
      api: 'publish',
      schema: reference('PublishAnswer'),
      success: stored,
      example: answerExample,
      version: v1.version,
    },
  } as const;
  const first = {
    id: 'publishKeysV1Alpha1',
    summary: 'The same as the first apps send it; answered only where it is switched on.',
    request: reference('V1Alpha1Request'),
    requestExample: v1Alpha1Example,
    responses: {
      api: 'v1alpha1',
      schema: reference('V1Alpha1Answer'),
      success: stored,
      example: { ...answerExample, error: '' },
      version: v1alpha1.version,
    },
  } as const;
  return {
    [v1.path]: { post: post(publish) },
    ...(hasV1Alpha1 ? { [v1alpha1.path]: { post: { ...post(first), deprecated: true } } } : {}),
    [statsPath]: { post: { ...post(statistics()), security: [{ healthAuthority: [] }] } },
  };
}

function statistics(): Operation {
  return {
    id: 'readStatistics',
    summary: 'How much the certificates of a health authority were used, by day.',
    request: reference('StatsRequest'),
    requestExample: { padding: 'cGFkZGluZw==' },
    responses: {
      api: 'stats',
      schema: reference('StatsAnswer'),
      success: 'The days that may be shown: days with few publishes are hidden.',
      example: statsExample,
    },
  };
}

function post({ id, summary, request, requestExample, responses }: Operation): Part {
  return {
    operationId: id,
    summary,
    parameters: [chaff],
    requestBody: { required: true, content: { 'application/json': { schema: request, example: requestExample } } },
    responses: codedResponses(responses),
  };
}
