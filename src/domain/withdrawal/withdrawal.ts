/** What a withdrawal takes back: keys that came by one way, of a stretch of time. */

/** What keys may have come by. */
export type WithdrawalScope = 'app' | 'authority' | 'partner' | 'import';

/** Which keys. */
export interface WithdrawnKeys {
  readonly scope: WithdrawalScope;
  /** App id, issuer, or name of the partner or the import. */
  readonly name: string;
  /** First window, and the end of the last, in which they are published; null = no bound. */
  readonly since: Date | null;
  readonly until: Date | null;
}

/** How many. */
export interface WithdrawalCounts {
  /** Were published: they go out once more, as revoked. */
  readonly withdrawn: number;
  /** Nobody got them: they are gone. */
  readonly deleted: number;
}
