/** Schemas of who may publish: health authorities and apps. */
import { z } from 'zod';
import type { App, HealthAuthority } from './configuration.ts';
import * as field from './fields.ts';

/** Where a key without `from` counts: since ever. */
const sinceEver = new Date(0);

/** From when until when a key counts. */
export const validity = { from: field.withDefault(field.time, sinceEver), thru: field.optional(field.time) };

const healthAuthorityKey = z.strictObject({
  version: field.text(200),
  publicKeyPem: field.publicKeyPem,
  ...validity,
});

/** A member of `healthAuthorities`. */
export const healthAuthority = z.strictObject({
  issuer: field.text(500),
  audience: field.text(500),
  name: field.text(200),
  stats: field.withDefault(z.boolean(), true),
  jwksUri: field.optional(field.url),
  keys: field.list(healthAuthorityKey),
}) satisfies z.ZodType<HealthAuthority>;

/** YAML 1.1 reads a bare `off` as false. */
const attestation = z
  .literal(['off', 'observe', 'require', false])
  .transform((value) => (value === false ? ('off' as const) : value));

const android = z.strictObject({
  packageName: field.text(200),
  certificateDigests: z.array(field.sha256).min(1, { error: 'wants at least one digest' }),
  decryptionKey: field.secretReference,
  verificationKey: field.secretReference,
  maxAge: field.withDefault(field.seconds, 600),
});

const ios = z.strictObject({
  appId: field.text(200),
  environment: field.withDefault(z.literal(['production', 'development']), 'production'),
  rootCertificates: z.array(field.pem('CERTIFICATE')).min(1, { error: 'wants at least one certificate' }),
});

/** A member of `apps`. */
export const app = z.strictObject({
  id: field.appId,
  regions: field.someRegions,
  healthAuthorities: field.list(field.text(500)),
  bypassCertificate: field.withDefault(z.boolean(), false),
  bypassRevisionToken: field.withDefault(z.boolean(), false),
  attestation: field.withDefault(attestation, 'off'),
  android: field.optional(android.transform(({ maxAge, ...rest }) => ({ ...rest, maxAgeSeconds: maxAge }))),
  ios: field.optional(ios),
}) satisfies z.ZodType<App>;
