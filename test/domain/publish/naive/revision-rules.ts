/** What happens to known keys, written a second time straight from reference 5.3 with decision 6. */

/** Where a key lies: start and period. */
export type Meta = readonly [start: number, period: number];

/** One sent key and everything that is known of it. */
export interface NaiveSituation {
  readonly name: string;
  readonly sent: Meta;
  /** Undefined = a new key. */
  readonly stored?: {
    readonly meta: Meta;
    readonly orig: string;
    readonly rev: string | undefined;
    readonly isLocal: boolean;
  };
  /** In the token; undefined = not listed there. */
  readonly listed?: Meta | undefined;
}

/** The request around them. */
export interface NaiveRevisionRequest {
  /** In the request's order. */
  readonly keys: readonly NaiveSituation[];
  readonly token: 'absent' | 'undecryptable' | 'read';
  readonly requireToken: boolean;
  readonly allowPartial: boolean;
  readonly reportType: string;
}

/** Either a code, or what becomes of each key. */
export type NaiveVerdict =
  | { readonly code: string; readonly message: string }
  | { readonly inserted: readonly string[]; readonly revised: readonly string[] };

const allowed = [
  'likely>confirmed',
  'likely>negative',
  'user-report>confirmed',
  'user-report>likely',
  'user-report>negative',
  '>confirmed',
  '>negative',
];

/** Phase 1 over all keys, then phase 2 over those that are left, both in the request's order. */
export function naiveRevision(request: NaiveRevisionRequest): NaiveVerdict {
  const invalid = { code: 'invalid_revision_token', message: 'revision token is invalid' };
  const existing = request.keys.filter((key) => key.stored !== undefined);
  let left = existing;
  if (existing.length > 0 && request.requireToken) {
    if (request.token === 'absent') {
      return { code: 'missing_revision_token', message: 'no revision token, but sent existing keys' };
    }
    if (request.token === 'undecryptable') return invalid;
    left = [];
    for (const key of existing) {
      if (String(key.sent) !== String(key.stored!.meta)) return invalid;
      if (key.listed === undefined && request.allowPartial) continue;
      if (key.listed === undefined || String(key.listed) !== String(key.stored!.meta)) return invalid;
      left.push(key);
    }
  }
  const revised: string[] = [];
  for (const { name, stored } of left) {
    const { orig, rev, isLocal } = stored!;
    const incoming = request.reportType;
    if (incoming === orig) continue;
    if (rev !== undefined && rev === incoming) continue;
    const transition = {
      code: 'invalid_report_type_transition',
      message: `invalid report type transition: cannot transition from "${orig}" to "${incoming}"`,
    };
    if (!isLocal) return transition;
    if (rev !== undefined) return { code: 'key_already_revised', message: 'key was already revised' };
    if (!allowed.includes(`${orig}>${incoming}`)) return transition;
    revised.push(name);
  }
  const isStored = request.reportType !== 'negative';
  const inserted = request.keys.filter((key) => key.stored === undefined && isStored).map(({ name }) => name);
  return { inserted, revised };
}
