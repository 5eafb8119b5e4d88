/** What may happen to keys that are already stored: kept, revised once, or refused (reference 5.3). */
import type { IntervalNumber } from './interval.ts';
import type { ReportType } from './report-type.ts';
import type { KeptKey } from './request.ts';

/** A key's place in time, as stored or as a revision token has it. */
export interface RevisableKey {
  /** 16 bytes. */
  readonly key: Buffer;
  readonly intervalStart: IntervalNumber;
  readonly intervalCount: number;
}

/** A stored key. */
export interface KnownKey extends RevisableKey {
  readonly reportType: ReportType;
  /** Null = never revised. */
  readonly revisedReportType: ReportType | null;
  /** Published here; keys of partners and imports are revised by those alone. */
  readonly isLocal: boolean;
  /** Withdrawn, or deleted for its age: never to be accepted again. Of a key that is gone nothing else is known. */
  readonly isWithdrawn: boolean;
}

/** The revision token of a request: none was sent, it cannot be read, or what it lists. */
export type SentToken = 'missing' | 'unreadable' | readonly RevisableKey[];

/** How strict an app and the installation are. */
export interface RevisionPolicy {
  /** False where the app needs no revision tokens. */
  readonly requiresToken: boolean;
  /** Known keys that the token does not list are left out instead of refusing the request. */
  readonly allowsPartial: boolean;
}

/** One revision to write. */
export interface Revision {
  readonly sent: KeptKey;
  readonly known: KnownKey;
}

/** What to write. */
export interface RevisionPlan {
  readonly refusal?: never;
  /** Not stored so far. */
  readonly added: readonly KeptKey[];
  readonly revised: readonly Revision[];
}

/** Why the whole request is refused. */
export interface RevisionRefusal {
  readonly refusal: {
    readonly code:
      'invalid_revision_token' | 'missing_revision_token' | 'key_already_revised' | 'invalid_report_type_transition';
    readonly message: string;
  };
}

const invalidToken: RevisionRefusal = {
  refusal: { code: 'invalid_revision_token', message: 'revision token is invalid' },
};
const missingToken: RevisionRefusal = {
  refusal: { code: 'missing_revision_token', message: 'no revision token, but sent existing keys' },
};
const alreadyRevised: RevisionRefusal = {
  refusal: { code: 'key_already_revised', message: 'key was already revised' },
};

/** Allowed changes (reference 5.3); a key without a report type counts as likely. */
const transitions: Readonly<Record<ReportType, readonly ReportType[]>> = {
  likely: ['confirmed', 'negative'],
  none: ['confirmed', 'negative'],
  'user-report': ['confirmed', 'likely', 'negative'],
  confirmed: [],
  negative: [],
};

/** A key whose first report is negative says nothing: it is neither stored nor listed in a token. */
export function storesFirst(reportType: ReportType): boolean {
  return reportType !== 'negative';
}

/** The facts of one decision. */
export interface RevisionFacts {
  /** In the request's order, each key once. */
  readonly sent: readonly KeptKey[];
  readonly known: readonly KnownKey[];
  readonly token: SentToken;
  readonly reportType: ReportType;
  readonly policy: RevisionPolicy;
}

/**
 * Decides for all keys together. Of several faults the answer names one by a fixed order: first the token as a whole,
 * then what it says of each known key, then each key's change of report type, each in the request's order.
 */
export function planRevisions(facts: RevisionFacts): RevisionPlan | RevisionRefusal {
  const known = new Map(facts.known.map((key) => [name(key), key]));
  const pairs = facts.sent.flatMap((sent) => {
    const match = known.get(name(sent));
    return match ? [{ sent, known: match }] : [];
  });
  const added = storesFirst(facts.reportType) ? facts.sent.filter((sent) => !known.has(name(sent))) : [];
  const covered = facts.policy.requiresToken ? coveredByToken(pairs, facts) : pairs;
  if ('refusal' in covered) return covered;
  const revised: Revision[] = [];
  for (const pair of covered) {
    const verdict = judge(pair.known, facts.reportType);
    if (verdict === 'revise') revised.push(pair);
    else if (verdict !== 'unchanged') return verdict;
  }
  return { added, revised };
}

function coveredByToken(
  pairs: readonly Revision[],
  { token, policy }: RevisionFacts,
): readonly Revision[] | RevisionRefusal {
  if (pairs.length === 0) return pairs;
  if (token === 'missing') return missingToken;
  if (token === 'unreadable') return invalidToken;
  const listed = new Map(token.map((key) => [name(key), key]));
  const covered: Revision[] = [];
  for (const pair of pairs) {
    const entry = listed.get(name(pair.sent));
    if (!isSamePlace(pair.sent, pair.known)) return invalidToken;
    if (entry === undefined) {
      if (!policy.allowsPartial) return invalidToken;
    } else if (!isSamePlace(entry, pair.known)) {
      return invalidToken;
    } else {
      covered.push(pair);
    }
  }
  return covered;
}

/** What a report type does to a key, when it comes from where the key came from. */
export function changeOf(
  known: Pick<KnownKey, 'reportType' | 'revisedReportType'>,
  reportType: ReportType,
): 'unchanged' | 'revise' | 'already_revised' | 'invalid_transition' {
  if (reportType === known.reportType || reportType === known.revisedReportType) return 'unchanged';
  if (known.revisedReportType !== null) return 'already_revised';
  return transitions[known.reportType].includes(reportType) ? 'revise' : 'invalid_transition';
}

/**
 * A key of a partner or an import can never be revised here: any change of it is an invalid transition. A withdrawn one is
 * refused as one whose only revision is made, so that a phone learns no more than from a key that was revoked.
 */
function judge(known: KnownKey, reportType: ReportType): 'unchanged' | 'revise' | RevisionRefusal {
  if (known.isWithdrawn) return alreadyRevised;
  const outcome = changeOf(known, reportType);
  if (outcome === 'unchanged' || (outcome === 'revise' && known.isLocal)) return outcome;
  if (outcome === 'already_revised' && known.isLocal) return alreadyRevised;
  const change = `cannot transition from "${wireName(known.reportType)}" to "${wireName(reportType)}"`;
  return {
    refusal: { code: 'invalid_report_type_transition', message: `invalid report type transition: ${change}` },
  };
}

function wireName(reportType: ReportType): string {
  return reportType === 'none' ? '' : reportType;
}

function isSamePlace(a: Omit<RevisableKey, 'key'>, b: Omit<RevisableKey, 'key'>): boolean {
  return a.intervalStart === b.intervalStart && a.intervalCount === b.intervalCount;
}

function name({ key }: { readonly key: Buffer }): string {
  return key.toString('latin1');
}

/**
 * What the answer's token lists: entries of the old one that are still young enough, as they were, then keys written now
 * that are not among them (reference 5.1).
 * @param earliest interval that an old entry's end must reach
 */
export function nextTokenEntries(
  old: SentToken,
  written: readonly RevisableKey[],
  earliest: IntervalNumber,
): readonly RevisableKey[] {
  const entries = typeof old === 'string' ? [] : old;
  const surviving = entries.filter((entry) => entry.intervalStart + entry.intervalCount >= earliest);
  const listed = new Set(surviving.map(name));
  return [...surviving, ...written.filter((key) => !listed.has(name(key)))];
}
