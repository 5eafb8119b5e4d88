/** When data keys of revision tokens are made and destroyed (reference 8.2). */

/** A data key's age and its id. */
export interface AgedKey {
  readonly kid: string;
  readonly createdAt: Date;
}

/** True when the newest key is as old as the period, or there is none. */
export function isNewKeyDue(newest: AgedKey | undefined, now: Date, periodSeconds: number): boolean {
  return newest === undefined || ageSeconds(newest, now) >= periodSeconds;
}

/**
 * Ids of keys whose next newer key is as old as the limit: no token that can still revise a key was sealed with them.
 * @param keys newest first; the newest one stays whatever its age
 */
export function expiredKeys(keys: readonly AgedKey[], now: Date, deleteAfterSeconds: number): string[] {
  return keys.flatMap((key, index) => {
    const successor = keys[index - 1];
    return successor !== undefined && ageSeconds(successor, now) >= deleteAfterSeconds ? [key.kid] : [];
  });
}

function ageSeconds({ createdAt }: AgedKey, now: Date): number {
  return (now.getTime() - createdAt.getTime()) / 1000;
}
