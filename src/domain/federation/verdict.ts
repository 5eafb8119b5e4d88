/** What becomes of a key that a partner sent: words that stand in the quarantine, and on the wire as numbers. */

/** Why a key is not taken in: first what is wrong with itself, then with what is stored. */
export type Refusal =
  | 'key_length'
  | 'rolling_period'
  | 'too_old'
  | 'in_future'
  | 'transmission_risk'
  | 'report_type'
  | 'event'
  | 'region'
  | 'loop'
  | typeof unknownKey
  | 'not_from_sender'
  | 'interval_mismatch'
  | 'revision'
  | 'withdrawn';

/** Stored; known already and left as it was; revised or withdrawn; or refused. */
export type Verdict = 'stored' | 'known' | 'changed' | Refusal;

/** A change waits with this reason until its key arrives. */
export const unknownKey = 'unknown_key';

/** Numbers as in federation.proto; from 16 on they are refusals. */
export const verdictCodes = {
  stored: 1,
  known: 2,
  changed: 3,
  key_length: 16,
  rolling_period: 17,
  too_old: 18,
  in_future: 19,
  transmission_risk: 20,
  report_type: 21,
  event: 22,
  region: 23,
  loop: 24,
  unknown_key: 25,
  not_from_sender: 26,
  interval_mismatch: 27,
  revision: 28,
  withdrawn: 29,
} as const satisfies Record<Verdict, number>;

const verdictsByCode = new Map(
  Object.entries(verdictCodes).map(([verdict, code]) => [code as number, verdict as Verdict]),
);

/** The verdict of a number; undefined for one that nobody gives out. */
export function verdictOfCode(code: number): Verdict | undefined {
  return verdictsByCode.get(code);
}

/** True when the key was not taken in. */
export function isRefusal(verdict: Verdict): verdict is Refusal {
  return verdictCodes[verdict] >= verdictCodes.key_length;
}

/** Every reason that a key is refused for, in the order of their numbers. */
export const refusals: readonly Refusal[] = (Object.keys(verdictCodes) as Verdict[]).filter(isRefusal);
