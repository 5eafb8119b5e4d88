/** Where an issuer of tokens is described (OpenID Connect Discovery 1.0, section 4). */

/** Paths below the issuer's name; the second is ours, others say in the first where theirs is. */
export const wellKnownPaths = {
  configuration: '/.well-known/openid-configuration',
  jwks: '/.well-known/jwks.json',
} as const;

/** One of the documents. */
export type WellKnownDocument = keyof typeof wellKnownPaths;

/** A document's URL; a slash at the end of the issuer's name is not doubled. */
export function wellKnownUrl(issuer: string, document: WellKnownDocument): string {
  return `${issuer.replace(/\/$/, '')}${wellKnownPaths[document]}`;
}
