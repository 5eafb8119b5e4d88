/** Our own ID tokens: who we are, to a partner. */

/** Where our tokens come from. */
export interface IdentityTokens {
  /**
   * A token for our calls to whoever expects this audience; one token serves many calls.
   * @throws AppError precondition `identity_missing`, `identity_mismatch`; unavailable `identity_unavailable`, those of the
   *   key manager
   */
  forCalls(audience: string): Promise<string>;
  /**
   * A token that answers one call: it covers the caller's nonce, so that it cannot be used for another.
   * @returns null when our issuer cannot bind a nonce
   * @throws AppError as {@link forCalls}
   */
  forAnswer(audience: string, nonce: string): Promise<string | null>;
}
