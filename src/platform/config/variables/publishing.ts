/** Variables of what phones and health authorities send. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const publishing = {
  ENMESH_MAX_KEYS_ON_PUBLISH: variable(read.integer(1, 1000), 'Most keys in one publish.', '30'),
  ENMESH_MAX_SAME_START_INTERVAL_KEYS: variable(
    read.integer(1, 100),
    'Most keys of one publish with the same start.',
    '3',
  ),
  ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH: variable(read.positiveDuration, 'A key that ended longer ago is refused.', '15d'),
  ENMESH_MAX_SYMPTOM_ONSET_DAYS: variable(
    read.integer(1, 1000),
    'A key further from symptom onset, in days, is left out with a warning.',
    '14',
  ),
  ENMESH_MAX_VALID_SYMPTOM_ONSET_REPORT_DAYS: variable(
    read.integer(1, 1000),
    'An onset longer ago, in days, counts as not given.',
    '28',
  ),
  ENMESH_DEFAULT_SYMPTOM_ONSET_DAYS_AGO: variable(
    read.integer(0, 1000),
    'Where no onset is given, it is taken to be so many days ago.',
    '4',
  ),
  ENMESH_RESPONSE_PADDING_MIN_BYTES: variable(
    read.integer(1, 1_000_000),
    'Random bytes in a publish answer, at least.',
    '1024',
  ),
  ENMESH_RESPONSE_PADDING_RANGE: variable(
    read.integer(1, 1_000_000),
    'Random bytes in a publish answer, at most so many more (less one).',
    '1024',
  ),
  ENMESH_STATS_RESPONSE_PADDING_MIN_BYTES: variable(
    read.integer(1, 1_000_000),
    'Random bytes in an answer to `POST /v1/stats`, at least.',
    '2048',
  ),
  ENMESH_STATS_RESPONSE_PADDING_RANGE: variable(
    read.integer(1, 1_000_000),
    'Random bytes in such an answer, at most so many more (less one).',
    '1024',
  ),
  ENMESH_STATS_AUDIENCE: variable(
    read.text,
    '`aud` of the tokens with which health authorities read their statistics.',
    'keyserver',
  ),
  ENMESH_STATS_UPLOAD_MINIMUM: variable(
    read.integer(10, 1_000_000),
    'A day with fewer publishes is never shown in statistics.',
    '10',
  ),
  ENMESH_STATS_EMBARGO_PERIOD: variable(
    read.duration,
    'A day is shown in statistics so long after its end; at least 1h.',
    '1h',
  ),
  ENMESH_CERTIFICATE_LEEWAY: variable(read.duration, "Tolerance for the clocks of health authorities' servers.", '60s'),
  ENMESH_CERTIFICATE_MAX_LIFETIME: variable(
    read.positiveDuration,
    'Longest time from `iat` to `exp` of a certificate.',
    '24h',
  ),
  ENMESH_ALLOW_PARTIAL_REVISIONS: variable(
    read.bool,
    'Known keys that the revision token does not list are left out instead of refusing the request.',
    'false',
  ),
  ENMESH_AUTHORITY_CACHE: variable(
    read.positiveDuration,
    'How long apps, health authorities and their keys are remembered; at most 30s.',
    '10s',
  ),
  ENMESH_JWKS_INTERVAL: variable(
    read.positiveDuration,
    'How often the JWKS of health authorities (`jwksUri`) are read.',
    '2m',
    '15s',
  ),
  ENMESH_JWKS_TIMEOUT: variable(
    read.positiveDuration,
    'Longest time to fetch one JWKS, from the name look-up to the last byte.',
    '30s',
  ),
  ENMESH_JWKS_KEY_CLEANUP: variable(read.positiveDuration, 'A key that left its JWKS is deleted so long after.', '30d'),
  ENMESH_JWKS_CA: optional(read.text, "PEM file: roots for JWKS; the system's when not set."),
  ENMESH_JWKS_ALLOW_PRIVATE_ADDRESSES: variable(
    read.bool,
    'Read JWKS from private, loopback and link-local addresses too, for health authorities in a network of their own.',
    'false',
  ),
  ENMESH_ENABLE_V1ALPHA1_API: variable(
    read.bool,
    'Answer the v1alpha1 publish at `POST /`, as the first apps send it.',
    'false',
  ),
  ENMESH_RATE_LIMIT_PER_MINUTE: variable(
    read.integer(0, 1_000_000),
    'Requests to publish and stats per minute, hashed client address and gateway process, chaff included; 0 = off. A whole nation may share one address.',
    '0',
  ),
  ENMESH_TRUSTED_PROXIES: variable(
    read.cidrs,
    'CIDRs whose `Forwarded` and `X-Forwarded-For` count for the rate limit, separated by commas.',
    '',
  ),
  ENMESH_GATEWAY_MAX_CONNECTIONS: variable(
    read.integer(1, 1_000_000),
    'Connections to the gateway at a time; further ones are closed at once. Each needs a file descriptor.',
    '10000',
  ),
} as const;
