/** Writes keys of partners: in key order, as every transaction that writes keys does, into the present window. */
import type { StoredOrigin } from '../../domain/federation/judge-origin.ts';
import type { StoredKey } from '../../domain/federation/judge-change.ts';
import type { SoundKey } from '../../domain/federation/judge-key.ts';
import { reportTypeCodes, reportTypeOfCode } from '../../domain/publish/report-type.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Queryable } from '../database.ts';
import { arrayOf, byKey, placeholders, textArray } from '../exposures/publish-statement.ts';

/** What to write. */
export interface KeysToTake {
  readonly partnerId: number;
  readonly clock: Clock;
  /** Each once. */
  readonly published: readonly SoundKey[];
  /** Keys that are to be changed, whether or not they are published too. */
  readonly changed: readonly Buffer[];
}

/** What was written. */
export interface TakenKeys {
  /** Start of the window that the transaction is in. */
  readonly window: Date;
  /** Names of the keys that are new. */
  readonly stored: ReadonlySet<string>;
  /** Names of those that were here and are not withdrawn; a key that is in neither is never to be accepted again. */
  readonly known: ReadonlySet<string>;
  /** Changes of the partner wait for their key. */
  readonly hasWaiting: boolean;
}

/** What a key is called in sets and maps. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1');
}

/** Takes the transaction into the present window, stores keys that are not here yet and locks those that are to be changed. */
export async function takeKeysIn(client: Queryable, keys: KeysToTake): Promise<TakenKeys> {
  const { rows } = await client.query<TakenRow>({
    name: 'take_keys',
    text: `select * from take_keys(${placeholders(14)})`,
    values: [keys.clock.forDatabase(), keys.partnerId, ...columns(keys)],
  });
  const { window_start: window, stored, known, has_waiting: hasWaiting } = rows[0]!;
  return { window, stored: names(stored), known: names(known), hasWaiting };
}

interface TakenRow {
  window_start: Date;
  stored: Buffer;
  known: Buffer | null;
  has_waiting: boolean;
}

interface StoredRow {
  key: Buffer;
  interval_start: number;
  interval_count: number;
  report_type: number;
  revised_report_type: number | null;
  partner_id: number | null;
  is_withdrawn: boolean;
}

/** Those of the keys that are stored; {@link takeKeysIn} has locked them. */
export async function readStoredKeys(client: Queryable, keys: readonly Buffer[]): Promise<readonly StoredKey[]> {
  const { rows } = await client.query<StoredRow>(
    `select key, interval_start, interval_count, report_type, revised_report_type, partner_id,
            withdrawn_at is not null as is_withdrawn
       from exposures where key = any($1::bytea[])`,
    [keys],
  );
  return rows.map((row) => ({
    key: row.key,
    intervalStart: row.interval_start,
    intervalCount: row.interval_count,
    reportType: reportTypeOfCode(row.report_type),
    revisedReportType: row.revised_report_type === null ? null : reportTypeOfCode(row.revised_report_type),
    partnerId: row.partner_id,
    isWithdrawn: row.is_withdrawn,
  }));
}

/** Writes the one revision of keys that are locked and were never revised: whoever got a key gets its revision too. */
export async function reviseFederatedKeys(
  client: Queryable,
  { window, keys }: { readonly window: Date; readonly keys: readonly SoundKey[] },
): Promise<void> {
  if (keys.length === 0) return;
  await client.query({
    name: 'revise_federated_keys',
    text: `
      update exposures as e
         set revised_at = greatest($1, e.created_at), revised_report_type = k.report_type,
             revised_transmission_risk = k.risk, revised_days_since_onset = k.onset_days,
             revised_traveler = e.traveler or k.traveler,
             revised_regions = array(select distinct r from unnest(e.regions || k.regions::text[]) as r order by r)
        from unnest($2::bytea[], $3::smallint[], $4::smallint[], $5::smallint[], $6::boolean[], $7::text[])
          as k (key, risk, report_type, onset_days, traveler, regions)
       where e.key = k.key`,
    values: [
      window,
      keys.map(({ key }) => key),
      arrayOf(keys.map(({ transmissionRisk }) => transmissionRisk)),
      arrayOf(keys.map(({ reportType }) => reportTypeCodes[reportType])),
      arrayOf(keys.map(({ daysSinceOnset }) => daysSinceOnset)),
      arrayOf(keys.map(({ traveler }) => traveler)),
      keys.map(({ origin }) => textArray(origin.regions)),
    ],
  });
}

/** Not stored: a number beyond all days since onset. */
const unknownOnset = 99;

/** A row without `published` is locked only. */
interface Row {
  readonly key: Buffer;
  readonly published?: SoundKey;
}

function columns({ published, changed }: KeysToTake): unknown[] {
  const rows = rowsOf(published, changed).sort(byKey);
  const origins = new Map<StoredOrigin, number>();
  const originOf = ({ origin }: SoundKey) => {
    const number = origins.get(origin) ?? origins.size + 1;
    origins.set(origin, number);
    return number;
  };
  const numbers = (read: (key: SoundKey) => number) =>
    arrayOf(rows.map((row) => (row.published ? read(row.published) : 0)));
  const originNumbers = numbers(originOf);
  const changes = new Set(changed.map(nameOf));
  return [
    Array.from(origins.keys(), ({ regions }) => textArray(regions)),
    Array.from(origins.keys(), ({ provenance }) => textArray(provenance)),
    Buffer.concat(rows.map(({ key }) => key)),
    originNumbers,
    numbers(({ intervalStart }) => intervalStart),
    numbers(({ intervalCount }) => intervalCount),
    numbers(({ transmissionRisk }) => transmissionRisk),
    numbers(({ reportType }) => reportTypeCodes[reportType]),
    numbers(({ daysSinceOnset }) => daysSinceOnset ?? unknownOnset),
    arrayOf(rows.map((row) => row.published?.traveler ?? false)),
    numbers(({ embargo }) => (embargo === null ? 0 : embargo.getTime() / 1000)),
    changes.size === 0 ? null : arrayOf(rows.map(({ key }) => changes.has(nameOf(key)))),
  ];
}

function rowsOf(published: readonly SoundKey[], changed: readonly Buffer[]): Row[] {
  const rows: Row[] = published.map((key) => ({ key: key.key, published: key }));
  if (changed.length === 0) return rows;
  const publishedNames = new Set(published.map(({ key }) => nameOf(key)));
  const others = new Map(changed.map((key) => [nameOf(key), key]));
  for (const [name, key] of others) if (!publishedNames.has(name)) rows.push({ key });
  return rows;
}

function names(keys: Buffer | null): ReadonlySet<string> {
  const found = new Set<string>();
  if (keys === null) return found;
  for (let at = 0; at < keys.length; at += 16) found.add(keys.toString('latin1', at, at + 16));
  return found;
}
