/** Writes the keys of a publish: one statement, one transaction, nothing read that is not needed. */
import type { IntervalNumber } from '../../domain/publish/interval.ts';
import { reportTypeCodes, reportTypeOfCode, type ReportType } from '../../domain/publish/report-type.ts';
import type { KeptKey } from '../../domain/publish/request.ts';
import type { KnownKey, Revision, RevisionPlan } from '../../domain/publish/revision.ts';
import { countedArrays, type Counted } from '../authorities/counters.ts';
import type { Queryable } from '../database.ts';
import { arrayOf, byKey, placeholders, write } from './publish-statement.ts';
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

/** Keys to store, with what is remembered and counted of it. */
export interface NewKeys {
  readonly keys: readonly KeptKey[];
  /** {@link EarlierAnswer.tokens} if this is stored. */
  readonly tokens: Buffer;
  /** Null = nothing is counted. */
  readonly counted: Counted | null;
}

/** What is known of a publish before it is written, as of one moment: a twin's keys are never seen without its receipt. */
export interface Known {
  /** What the same request was answered before. */
  readonly answer: EarlierAnswer | undefined;
  /** Those of its keys that are stored, and those that are never to be accepted again. */
  readonly keys: readonly KnownKey[];
}

/** Looks for a publish's receipt and keys. */
export async function findKnown(
  database: Queryable,
  facts: Pick<PublishFacts, 'receipt'>,
  keys: readonly KeptKey[],
): Promise<Known> {
  const { rows } = await database.query<KnownRow>({
    name: 'find_known',
    text: findKnownSql,
    values: [facts.receipt?.certificateHash ?? null, facts.receipt?.contentHash ?? null, keyArray(keys)],
  });
  const answered = rows.find(({ key }) => key === null);
  return { answer: answered && earlierAnswer(answered), keys: rows.flatMap((row) => knownKey(row, keys) ?? []) };
}

/**
 * Stores keys in the present window, none of them known as far as one knows. One round trip, one transaction.
 * @returns false when nothing was written: a key is known, or the same request was answered before
 */
export async function insertKeys(
  database: Queryable,
  facts: PublishFacts,
  { keys, tokens, counted }: NewKeys,
): Promise<boolean> {
  return await write(database, {
    name: 'publish_keys',
    text: publishKeysSql,
    values: [facts.now, ...common(facts, tokens), ...columns(keys.toSorted(byKey)), ...countedArrays([counted])],
  });
}

/**
 * Stores what was planned from known keys, if they are still as they were seen. One round trip, one transaction.
 * @returns false when nothing was written: a key has changed, or the same request was answered before
 */
export async function reviseKeys(
  database: Queryable,
  facts: PublishFacts,
  { added, revised, tokens, counted }: RevisionPlan & Omit<NewKeys, 'keys'>,
): Promise<boolean> {
  const keys: WriteRow[] = [...added, ...revised.map(revisionRow)].sort(byKey);
  const expected = keys.map((row) => (row.expected === undefined ? null : reportTypeCodes[row.expected]));
  return await write(database, {
    name: 'revise_keys',
    text: reviseKeysSql,
    values: [facts.now, ...common(facts, tokens), ...columns(keys), arrayOf(expected), ...countedArrays([counted])],
  });
}

const findKnownSql = `
select inserted, tokens, answered_interval, null::bytea as key, null::integer as interval_start,
       null::smallint as interval_count, null::smallint as report_type, null::smallint as revised_report_type,
       null::boolean as is_local, null::boolean as is_withdrawn
  from receipts
 where certificate_hash = $1 and content_hash = $2
union all
select null, null, null, key, interval_start, interval_count, report_type, revised_report_type,
       partner_id is null and import_id is null and provenance is null, withdrawn_at is not null
  from exposures
 where key = any($3::bytea[])
union all
select null, null, null, key, null, null, null, null, null, true
  from tombstoned_keys($3::bytea[]) as key`;
const publishKeysSql = countingIfWritten('publish_keys', 17);
const reviseKeysSql = countingIfWritten('revise_keys', 18);

/** The call of a function that tells whether it wrote, which then counts in the same transaction. */
function countingIfWritten(name: string, parameters: number): string {
  return `
select is_written,
       case when is_written then count_publishes(${placeholders(3, parameters)})::text end
  from (select ${name}(${placeholders(parameters)}) as is_written offset 0) as written`;
}

type WriteRow = Omit<KeptKey, 'index'> & { readonly expected?: ReportType };

/** Either an earlier answer, or a stored key, or one of which nothing is left but that it is not to be accepted. */
interface KnownRow extends EarlierAnswerRow {
  key: Buffer | null;
  interval_start: number | null;
  interval_count: number | null;
  report_type: number | null;
  revised_report_type: number | null;
  is_local: boolean | null;
  is_withdrawn: boolean;
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

function knownKey(row: KnownRow, sent: readonly KeptKey[]): KnownKey | undefined {
  const { key } = row;
  if (key === null) return undefined;
  // Of a key that is gone, what is sent is as good as what was stored: it is refused either way.
  const place = row.interval_start === null ? sent.find((kept) => kept.key.equals(key)) : undefined;
  return {
    key,
    intervalStart: place?.intervalStart ?? row.interval_start ?? 0,
    intervalCount: place?.intervalCount ?? row.interval_count ?? 0,
    reportType: reportTypeOfCode(row.report_type ?? 0),
    revisedReportType: row.revised_report_type === null ? null : reportTypeOfCode(row.revised_report_type),
    isLocal: row.is_local ?? true,
    isWithdrawn: row.is_withdrawn,
  };
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

/** `sorted` by key. */
function columns(sorted: readonly WriteRow[]): string[] {
  return [
    keyArray(sorted),
    arrayOf(sorted.map((row) => row.intervalStart)),
    arrayOf(sorted.map((row) => row.intervalCount)),
    arrayOf(sorted.map((row) => row.transmissionRisk)),
    arrayOf(sorted.map((row) => row.daysSinceOnset)),
    arrayOf(sorted.map((row) => row.embargo && row.embargo.getTime() / 1000)),
  ];
}

function keyArray(keys: readonly { readonly key: Buffer }[]): string {
  return `{${keys.map(({ key }) => `\\\\x${key.toString('hex')}`).join(',')}}`;
}
