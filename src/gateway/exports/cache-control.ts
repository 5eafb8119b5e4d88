/** How long phones and CDNs may keep what is published; docs/distribution.md tells what follows from it. */

/** By object: reference 3.4 and 3.5, but for the public keys, which the reference does not serve. */
export const cacheControl = {
  /** A day, and no asking whether it has changed: a published file never does. */
  file: 'public, max-age=86400, immutable',
  /** To be asked for each time, or phones would miss files. */
  index: 'no-cache, max-age=0',
  /** A rotation overlaps by days. */
  keys: 'public, max-age=300',
} as const;
