/** Schemas of `/openapi.json`: requests from the declarations that read them, answers as they are rendered. */
import { publishMembers } from '../../domain/publish-body/decode.ts';
import { statsMembers } from '../../domain/publish-body/decode-stats.ts';
import { v1Alpha1Members } from '../../domain/publish-body/decode-v1alpha1.ts';
import { schemaOf } from '../../domain/publish-body/schema.ts';
import type { PublishAnswer } from '../publish/answer.ts';
import type { StatsAnswer } from '../stats/answer.ts';
import { codesOf, type CodedApi } from './coded-responses.ts';
import { reference, type Part } from './part.ts';

const text = (description: string): Part => ({ type: 'string', description });
const count = (description: string): Part => ({ type: 'integer', minimum: 0, description });
const counts = (length: number, description: string): Part => ({
  type: 'array',
  minItems: length,
  maxItems: length,
  items: { type: 'integer', minimum: 0 },
  description,
});
const time = (description: string): Part => ({ type: ['string', 'null'], format: 'date-time', description });

const padding = text('Base64 of random bytes, which hide how long the answer really is.');

/** Members of a publish answer, in their order (reference 1.7). */
const publishAnswer = {
  revisionToken: text('Base64: send it with the next publish of these keys. Without it, nothing can be revised.'),
  insertedExposures: count('How many keys are new; revised keys are not counted.'),
  error: text('What is wrong, for people.'),
  code: text('What is wrong, for programs.'),
  padding,
  warnings: {
    type: 'array',
    items: { type: 'string' },
    description: 'Keys that were left out without being an error.',
  },
} satisfies Record<keyof Omit<Required<PublishAnswer>, 'status'> | 'padding', Part>;

/** Members of an answer with statistics, in their order (reference 7). */
const statsAnswer = {
  days: { type: 'array', items: reference('DayStatistics'), description: 'Oldest first; there may be gaps.' },
  error: text('What is wrong, for people.'),
  code: text('What is wrong, for programs.'),
  padding,
} satisfies Record<keyof Omit<Required<StatsAnswer>, 'status'> | 'padding', Part>;

/** The sums of one day (reference 7). */
const dayStatistics = {
  day: { type: 'string', format: 'date-time', description: 'UTC midnight at which it begins.' },
  publish_requests: allOf({
    unknown: count('From neither of the two.'),
    android: count('From Android phones.'),
    ios: count('From iPhones.'),
  }),
  total_teks_published: count('Keys that were new or revised.'),
  requests_with_revisions: count('Publishes that revised a key.'),
  tek_age_distribution: counts(16, 'Publishes whose oldest key was 0, 1, … 14 days old; the last: 15 or more.'),
  onset_to_upload_distribution: counts(
    30,
    'Publishes that came 0, 1, … 28 days after the first symptoms; the last: 29 or more.',
  ),
  requests_missing_onset_date: count('Publishes without a day of first symptoms.'),
};

/** One key that verifies the files of an export. */
const verificationKey = {
  keyId: text('`verification_key_id` of the signatures, mostly an MCC.'),
  keyVersion: text('`verification_key_version` of the signatures.'),
  algorithm: { const: 'ECDSA_P256_SHA256' },
  publicKeyPem: text('The public key as SPKI in PEM.'),
  jwk: { type: 'object', description: 'The same as a JSON Web Key.' },
  from: time('Since when it signs; null = ever.'),
  thru: time('Until when it signs; null = without end.'),
};

/** All schemas that a gateway has, by name. */
export function schemas({ hasV1Alpha1 }: { readonly hasV1Alpha1: boolean }): Part {
  const withoutCode = Object.fromEntries(Object.entries(publishAnswer).filter(([name]) => name !== 'code'));
  const alwaysThere = ['revisionToken', 'insertedExposures', 'error', 'padding'];
  return {
    PublishRequest: schemaOf(publishMembers),
    PublishAnswer: { type: 'object', properties: withCodes(publishAnswer, 'publish') },
    ...(hasV1Alpha1
      ? {
          V1Alpha1Request: schemaOf(v1Alpha1Members),
          V1Alpha1Answer: { type: 'object', required: alwaysThere, properties: withoutCode },
        }
      : {}),
    StatsRequest: schemaOf(statsMembers),
    StatsAnswer: { type: 'object', required: ['padding'], properties: withCodes(statsAnswer, 'stats') },
    DayStatistics: allOf(dayStatistics),
    VerificationKeys: allOf({ keys: { type: 'array', items: allOf(verificationKey) } }),
    Health: allOf({ status: { enum: ['ok', 'unavailable'] } }),
  };
}

/** An object that has all of these. */
function allOf(properties: Part): Part {
  return { type: 'object', required: Object.keys(properties), properties };
}

function withCodes(members: { readonly code: Part }, api: CodedApi): Part {
  return { ...members, code: { ...members.code, enum: codesOf(api).map(([code]) => code) } };
}
