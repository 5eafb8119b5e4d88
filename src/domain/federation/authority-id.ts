/** The name of an authority that all of them agree on, for the paths of keys. */

/** `issuer#subject`: what the authority's ID tokens say. */
export type AuthorityId = `${string}#${string}`;

/** The authority whose tokens have this `iss` and `sub`. */
export function authorityId({ issuer, subject }: { readonly issuer: string; readonly subject: string }): AuthorityId {
  return `${issuer}#${subject}`;
}
