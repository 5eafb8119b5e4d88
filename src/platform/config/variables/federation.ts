/** Variables of partners and our identity. */
import * as read from '../readers.ts';
import { optional, variable } from './declare.ts';

export const federation = {
  ENMESH_IDENTITY_SOURCE: variable(
    read.oneOf('own', 'google'),
    'Who makes our tokens: `own` (signed by the key manager; the gateway serves discovery and JWKS) or `google` (metadata server, or service account), which cannot prove us to partners that call.',
    'own',
  ),
  ENMESH_IDENTITY_ISSUER: optional(
    read.issuer,
    "The issuer that our own tokens name; `enmesh dev` takes the gateway's URL, and `google` means https://accounts.google.com.",
  ),
  ENMESH_IDENTITY_SUBJECT: variable(
    read.text,
    '`sub` of our own tokens; with `google` the unique id of the service account.',
    'federation',
  ),
  ENMESH_IDENTITY_KEY: variable(read.text, 'Their key in the key manager.', 'identity'),
  ENMESH_IDENTITY_CREDENTIALS: optional(
    read.text,
    "With `google`: JSON file of a service account; without it Google's client finds credentials by its own rules (`GOOGLE_APPLICATION_CREDENTIALS`, metadata server).",
  ),
  ENMESH_FEDERATION_INTERVAL: variable(
    read.positiveDuration,
    'How often partners are pulled from; to be pushed to, they need not wait for it.',
    '5m',
    '5s',
  ),
  ENMESH_FEDERATION_CONCURRENCY: variable(
    read.integer(1, 64),
    'Partners that one process pulls from and pushes to at a time, each direction for itself.',
    '4',
  ),
  ENMESH_FEDERATION_FETCH_MAX_KEYS: variable(
    read.integer(1, 10_000),
    'Keys in one answer to `Fetch`, which deployed partners call.',
    '500',
  ),
  ENMESH_FEDERATION_CALLS_PER_MINUTE: variable(
    read.integer(0, 1_000_000),
    'Calls of one partner that a process answers in a minute; further ones wait, then are refused; 0 = any number.',
    '600',
  ),
  ENMESH_FEDERATION_MAX_KEYS_PER_DAY: variable(
    read.integer(0, 1_000_000_000),
    'Keys that are taken from one partner on one day (UTC), over all processes; 0 = any number.',
    '5000000',
  ),
  ENMESH_FEDERATION_MAX_QUARANTINE: variable(
    read.integer(0, 10_000_000),
    'Refused keys of one partner that are kept; further ones are counted only.',
    '100000',
  ),
  ENMESH_FEDERATION_CA: optional(
    read.text,
    "PEM file: roots for the partners that we call, and beside the system's for their issuers; the system's when not set.",
  ),
  ENMESH_FEDERATION_CLIENT_TLS_CERT: optional(
    read.text,
    'PEM file: certificate that we show to the partners that we call, where they want one.',
  ),
  ENMESH_FEDERATION_CLIENT_TLS_KEY: optional(read.text, 'PEM file: its private key.'),
  ENMESH_FEDERATION_ISSUER_TIMEOUT: variable(
    read.positiveDuration,
    "Longest time to fetch a discovery document or a JWKS of a partner's issuer.",
    '10s',
  ),
  ENMESH_FEDERATION_ALLOW_PRIVATE_ADDRESSES: variable(
    read.bool,
    "Read partners' issuers from private, loopback and link-local addresses too.",
    'false',
  ),
} as const;
