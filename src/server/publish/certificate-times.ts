/** When a certificate counts (reference 3.2, with leeway, required times and a longest lifetime). */
import type { CertificateClaims } from './certificate-claims.ts';

/** Limits in seconds. */
export interface CertificateTimeLimits {
  readonly leewaySeconds: number;
  readonly maxLifetimeSeconds: number;
}

type Times = Pick<CertificateClaims, 'exp' | 'iat' | 'nbf'>;

/** True while `iat` or `nbf` is in the future; this is reported even for a bad signature. */
export function isNotValidYet({ iat, nbf }: Times, { leewaySeconds }: CertificateTimeLimits, now: Date): boolean {
  const latest = unixSeconds(now) + leewaySeconds;
  return (iat ?? 0) > latest || (nbf ?? 0) > latest;
}

/** What else is wrong with the times; undefined = nothing. */
export function timeFault({ exp, iat }: Times, limits: CertificateTimeLimits, now: Date): string | undefined {
  if (exp === undefined) return 'missing required claim: exp';
  if (iat === undefined) return 'missing required claim: iat';
  const lifetime = exp - iat;
  if (lifetime > limits.maxLifetimeSeconds) {
    return `lifetime is too long, ${goDuration(lifetime)}, must be <= ${goDuration(limits.maxLifetimeSeconds)}`;
  }
  const late = unixSeconds(now) - exp;
  return late > limits.leewaySeconds ? `token is expired by ${goDuration(late)}` : undefined;
}

/** Whole seconds since 1970. */
export function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}

/** Seconds as Go writes durations: `59s`, `1m0s`, `1h0m0s`. */
export function goDuration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(String);
  if (seconds >= 3600) return `${h ?? ''}h${m ?? ''}m${s ?? ''}s`;
  return seconds >= 60 ? `${m ?? ''}m${s ?? ''}s` : `${s ?? ''}s`;
}
