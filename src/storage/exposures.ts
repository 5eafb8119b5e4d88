/** Writes the keys of a publish: one statement, one transaction, nothing read that is not needed. */
import { AppError } from '../domain/errors.ts';
import type { IntervalNumber } from '../domain/publish/interval.ts';
import { reportTypeCodes, reportTypeOfCode, type ReportType } from '../domain/publish/report-type.ts';
import type { KeptKey } from '../domain/publish/request.ts';
import type { KnownKey, Revision, RevisionPlan } from '../domain/publish/revision.ts';
import type { Queryable } from './database.ts';
import { earlierAnswer, type EarlierAnswer, type EarlierAnswerRow, type Receipt } from './receipts.ts';

/** What all keys of a publish have in common. */
export interface PublishFacts {
  /** Instead of the database's clock; null = the database's own. */
  readonly now: Date | null;
  /** Null where there is no certificate. */
  readonly receipt: Receipt | null;
  /** The interval in which the answer is given. */
  readonly interval: IntervalNumber;
  readonly appId: number;
  /** Null where there is no certificate. */
  readonly authorityId: number | null;
  readonly reportType: ReportType;
  readonly traveler: boolean;
  /** Upper case, each once. */
  readonly regions: readonly string[];
}

/** Stored as asked, or asked before and answered so. */
export type Written = { readonly kind: 'stored' } | { readonly kind: 'repeated'; readonly answer: EarlierAnswer };

/** Some keys are known: nothing was written. */
export interface Known {
  readonly kind: 'known';
  readonly keys: readonly KnownKey[];
}

/** Another transaction changed a key meanwhile: nothing was written, and the caller looks again. */
export interface Raced {
  readonly kind: 'raced';
}

/** What to store, none of it known as far as one knows. */
export interface NewKeys {
  readonly keys: readonly KeptKey[];
  /** False for keys that must be known to mean anything: then none is inserted. */
  readonly storesNew: boolean;
  /** Look for known keys before writing; without it a known key is `raced`. */
  readonly probes: boolean;
  /** {@link EarlierAnswer.tokens} if this is stored. */
  readonly tokens: Buffer;
}

/** Stores keys in the present window, or finds that some are known. One round trip, one transaction. */
export async function insertKeys(
  database: Queryable,
  facts: PublishFacts,
  { keys, storesNew, probes, tokens }: NewKeys,
): Promise<Written | Known | Raced> {
  const rows = await run<OutcomeRow>(database, {
    name: 'publish_keys',
    text: publishKeysSql,
    values: [facts.now, probes, storesNew, ...common(facts, tokens), ...columns(keys.toSorted(byKey))],
  });
  if (rows === 'raced') return { kind: 'raced' };
  const known = rows.filter(({ kind }) => kind === 'known');
  const written = rows.find(({ kind }) => kind !== 'known');
  return written ? asWritten(written) : { kind: 'known', keys: known.map(knownKey) };
}

/** Stores what was planned from known keys, if they are still as they were seen. One round trip, one transaction. */
export async function reviseKeys(
  database: Queryable,
  facts: PublishFacts,
  { added, revised, tokens }: RevisionPlan & { readonly tokens: Buffer },
): Promise<Written | Raced> {
  const keys: WriteRow[] = [...added, ...revised.map(revisionRow)].sort(byKey);
  const expected = keys.map((row) => (row.expected === undefined ? null : reportTypeCodes[row.expected]));
  const rows = await run<OutcomeRow>(database, {
    name: 'revise_keys',
    text: reviseKeysSql,
    values: [facts.now, ...common(facts, tokens), ...columns(keys), arrayOf(expected)],
  });
  if (rows === 'raced') return { kind: 'raced' };
  const written = rows[0];
  if (!written) throw new AppError('internal', 'internal_error', 'Internal Server Error');
  return asWritten(written);
}

const publishKeysSql = `select * from publish_keys(${placeholders(19)})`;
const reviseKeysSql = `select * from revise_keys(${placeholders(18)})`;

type WriteRow = Omit<KeptKey, 'index'> & { readonly expected?: ReportType };

interface OutcomeRow extends EarlierAnswerRow {
  kind: 'stored' | 'repeated' | 'known';
  key: Buffer;
  interval_start: number;
  interval_count: number;
  report_type: number;
  revised_report_type: number | null;
  is_local: boolean;
}

/** The stored place in time counts, whatever was sent. */
function revisionRow({ sent, known }: Revision): WriteRow {
  return {
    ...sent,
    intervalStart: known.intervalStart,
    intervalCount: known.intervalCount,
    expected: known.reportType,
  };
}

function asWritten(row: OutcomeRow): Written {
  return row.kind === 'stored' ? { kind: 'stored' } : { kind: 'repeated', answer: earlierAnswer(row) };
}

function knownKey(row: OutcomeRow): KnownKey {
  return {
    key: row.key,
    intervalStart: row.interval_start,
    intervalCount: row.interval_count,
    reportType: reportTypeOfCode(row.report_type),
    revisedReportType: row.revised_report_type === null ? null : reportTypeOfCode(row.revised_report_type),
    isLocal: row.is_local,
  };
}

async function run<Row extends OutcomeRow>(
  database: Queryable,
  query: { name: string; text: string; values: unknown[] },
): Promise<Row[] | 'raced'> {
  try {
    return (await database.query<Row>(query)).rows;
  } catch (error) {
    if (isRace(error)) return 'raced';
    throw error;
  }
}

/** Serialization failure (raised by the functions themselves) or deadlock. */
function isRace(error: unknown): boolean {
  const cause: unknown = error instanceof AppError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && (cause.code === '40001' || cause.code === '40P01');
}

function common(facts: PublishFacts, tokens: Buffer): unknown[] {
  const { receipt } = facts;
  return [
    receipt?.certificateHash ?? null,
    receipt?.contentHash ?? null,
    receipt?.expiresAt ?? null,
    facts.interval,
    tokens,
    facts.appId,
    facts.authorityId,
    reportTypeCodes[facts.reportType],
    facts.traveler,
    facts.regions,
  ];
}

/** Array literals made here, which is cheaper than the driver's own conversion. `sorted` by key. */
function columns(sorted: readonly WriteRow[]): string[] {
  return [
    `{${sorted.map(({ key }) => `\\\\x${key.toString('hex')}`).join(',')}}`,
    arrayOf(sorted.map((row) => row.intervalStart)),
    arrayOf(sorted.map((row) => row.intervalCount)),
    arrayOf(sorted.map((row) => row.transmissionRisk)),
    arrayOf(sorted.map((row) => row.daysSinceOnset)),
    arrayOf(sorted.map((row) => row.embargo && row.embargo.getTime() / 1000)),
  ];
}

function arrayOf(values: readonly (number | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : String(value))).join(',')}}`;
}

/** All writers lock keys in this order, so that none waits for another in a circle. */
function byKey(a: { readonly key: Buffer }, b: { readonly key: Buffer }): number {
  return Buffer.compare(a.key, b.key);
}

function placeholders(count: number): string {
  return Array.from({ length: count }, (_, index) => `$${String(index + 1)}`).join(', ');
}
