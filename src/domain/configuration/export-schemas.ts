/** Schemas of what is published: signing keys and exports. */
import { z } from 'zod';
import type { Export, SigningKey } from './configuration.ts';
import * as field from './fields.ts';

/** A member of `signingKeys`. */
export const signingKey = z.strictObject({
  name: field.name,
  key: field.text(500),
  keyId: field.text(100),
  keyVersion: field.withDefault(field.text(100), 'v1'),
  thru: field.optional(field.time),
}) satisfies z.ZodType<SigningKey>;

const writtenExport = z.strictObject({
  name: field.name,
  bucket: field.bucket,
  filenameRoot: field.filenameRoot,
  outputRegion: field.region,
  inputRegions: field.regions,
  excludeRegions: field.regions,
  includeTravelers: field.optional(z.boolean()),
  onlyNonTravelers: field.withDefault(z.boolean(), false),
  period: field.withDefault(field.seconds, 4 * 3600),
  from: field.optional(field.time),
  thru: field.optional(field.time),
  maxRecords: field.optional(field.keysInFile),
  shift: field.optional(field.seconds),
  grace: field.withDefault(field.seconds, 24 * 3600),
  signingKeys: field.list(field.name),
});

/** A member of `exports`. Travelers go in unless the file says otherwise. */
export const exportSeries = writtenExport.transform(({ period, shift, grace, includeTravelers, ...rest }): Export => ({
  ...rest,
  includeTravelers: includeTravelers ?? !rest.onlyNonTravelers,
  periodSeconds: period,
  shiftSeconds: shift,
  graceSeconds: grace,
}));
