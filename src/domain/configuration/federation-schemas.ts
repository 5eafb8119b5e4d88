/** Schemas of what is exchanged with other authorities: partners, mirrors and imports. */
import { z } from 'zod';
import type { Import, Mirror, Partner } from './configuration.ts';
import * as field from './fields.ts';
import { validity } from './publishing-schemas.ts';

const identity = z.strictObject({ issuer: field.url, subject: field.text(500), audience: field.text(500) });

const serve = z.strictObject({
  regions: field.regions,
  excludeRegions: field.regions,
  onlyLocal: field.withDefault(z.boolean(), true),
  onlyTravelers: field.withDefault(z.boolean(), false),
  omitOnset: field.withDefault(z.boolean(), false),
});

const pull = z.strictObject({
  regions: field.regions,
  excludeRegions: field.regions,
  onlyTravelers: field.withDefault(z.boolean(), false),
  protocol: field.withDefault(z.literal(['stream', 'fetch']), 'stream'),
});

const accept = z.strictObject({ regions: field.regions });

const push = z.strictObject({
  regions: field.someRegions,
  onlyLocal: field.withDefault(z.boolean(), true),
});

/** A member of `partners`. */
export const partner = z.strictObject({
  name: field.name,
  address: field.hostAndPort,
  identity,
  ourAudience: field.text(500),
  requireServerIdentity: field.withDefault(z.boolean(), true),
  serve: field.optional(serve),
  pull: field.optional(pull),
  accept: field.optional(accept),
  push: field.optional(push),
}) satisfies z.ZodType<Partner>;

/** A member of `mirrors`. */
export const mirror = z.strictObject({
  name: field.name,
  indexUrl: field.url,
  baseUrl: field.url,
  bucket: field.bucket,
  filenameRoot: field.filenameRoot,
}) satisfies z.ZodType<Mirror>;

const importPublicKey = z.strictObject({
  keyId: field.text(100),
  keyVersion: field.withDefault(field.text(100), 'v1'),
  publicKeyPem: field.publicKeyPem,
  ...validity,
});

/** A member of `imports`. */
export const importSource = z.strictObject({
  name: field.name,
  indexUrl: field.url,
  baseUrl: field.url,
  region: field.region,
  traveler: field.withDefault(z.boolean(), false),
  publicKeys: field.list(importPublicKey),
}) satisfies z.ZodType<Import>;
