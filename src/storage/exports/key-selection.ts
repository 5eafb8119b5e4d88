/** Which rows a batch holds, as SQL: the one place for windows, regions, travelers, withdrawals and padding. */
import type { KeyRange, KeySelection } from '../../domain/export/batch.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { reportTypeCodes } from '../../domain/publish/report-type.ts';
import { bigintLiteral, byteaLiteral, textArrayLiteral, timestampLiteral } from '../sql-literals.ts';

/** Real keys, padding, or both. */
export type KeySource = 'real' | 'padding' | 'all';

const COLUMNS = `key, created_at as at, interval_start, interval_count, transmission_risk, report_type, days_since_onset,
  traveler, regions`;

/** `former_report_type` is what a revised key said when it was published first. */
const PRIMARY_COLUMNS = `${COLUMNS}, null::smallint as former_report_type`;

/** What the revision says; regions and traveler only when it names them. */
const REVISED_COLUMNS = `key, revised_at as at, interval_start, interval_count,
  coalesce(revised_transmission_risk, transmission_risk) as transmission_risk,
  coalesce(revised_report_type, report_type) as report_type, revised_days_since_onset as days_since_onset,
  coalesce(revised_traveler, traveler) as traveler, coalesce(revised_regions, regions) as regions,
  report_type as former_report_type`;

/** A withdrawn key goes to whoever got what it said last, with that, but as revoked. */
const WITHDRAWN_COLUMNS = `key, withdrawn_at as at, interval_start, interval_count,
  coalesce(revised_transmission_risk, transmission_risk) as transmission_risk,
  ${reportTypeCodes.negative}::smallint as report_type,
  case when revised_at is null then days_since_onset else revised_days_since_onset end as days_since_onset,
  coalesce(revised_traveler, traveler) as traveler, coalesce(revised_regions, regions) as regions,
  report_type as former_report_type`;

/**
 * A query whose rows are the batch's keys of one list, in no order, with the columns key, at (the window
 * that it was published, revised or withdrawn in), interval_start, interval_count, transmission_risk, report_type, days_since_onset,
 * traveler, regions and former_report_type. Has no parameters.
 */
export function keyRows(list: KeyList, selection: KeySelection, source: KeySource): string {
  const parts = [];
  if (source !== 'padding') {
    parts.push(...(list === 'keys' ? [primaryRows(selection)] : [revisedRows(selection), withdrawnRows(selection)]));
  }
  if (source !== 'real' && selection.paddingDecision !== null) {
    parts.push(paddingRows(list, selection, selection.paddingDecision));
  }
  if (parts.length === 0) parts.push(`${primaryRows(selection)} and false`);
  return parts.join('\nunion all\n');
}

/** A condition on `key`. */
export function keyRangeCondition(range: KeyRange): string {
  const conditions = [];
  if (range.after !== null) conditions.push(`key > ${byteaLiteral(range.after)}`);
  if (range.through !== null) conditions.push(`key <= ${byteaLiteral(range.through)}`);
  return conditions.length === 0 ? 'true' : conditions.join(' and ');
}

/** What keeps a key out of a window that it lies in. */
export type KeyFilter = 'inputRegions' | 'excludeRegions' | 'onlyNonTravelers';

/** A query about the key $1, one row where it is stored: a boolean column for each filter, true where the key passes. */
export function filterQuery(list: KeyList, selection: KeySelection, table: 'exposures' | 'padding_keys'): string {
  const { regions, traveler } = list === 'revisedKeys' && table === 'exposures' ? REVISED : PRIMARY;
  const columns = Array.from(filters(selection, regions, traveler), ([filter, sql]) => `${sql} as "${filter}"`);
  return `select ${columns.join(', ')} from ${table} where key = $1`;
}

const PRIMARY = { regions: 'regions', traveler: 'traveler' };
const REVISED = { regions: 'coalesce(revised_regions, regions)', traveler: 'coalesce(revised_traveler, traveler)' };

function primaryRows(selection: KeySelection): string {
  return `select ${PRIMARY_COLUMNS} from exposures
    where ${inWindow('created_at', selection)} and ${isSelected(selection, 'regions', 'traveler')}`;
}

/** A revision that is withdrawn in the same batch stays out: a list has a key once. */
function revisedRows(selection: KeySelection): string {
  const { regions, traveler } = REVISED;
  return `select ${REVISED_COLUMNS} from exposures
    where ${inWindow('revised_at', selection)} and ${isSelected(selection, regions, traveler)}
      and (${inWindow('withdrawn_at', selection)}) is not true`;
}

function withdrawnRows(selection: KeySelection): string {
  const { regions, traveler } = REVISED;
  return `select ${WITHDRAWN_COLUMNS} from exposures
    where ${inWindow('withdrawn_at', selection)} and ${isSelected(selection, regions, traveler)}`;
}

function paddingRows(list: KeyList, selection: KeySelection, decision: string): string {
  return `select ${COLUMNS}, former_report_type from padding_keys
    where ${inWindow('created_at', selection)} and ${isSelected(selection, 'regions', 'traveler')}
      and revised = ${list === 'revisedKeys'} and decision <= ${bigintLiteral(decision)}`;
}

function inWindow(column: string, { windowStart, windowEnd }: KeySelection): string {
  return `${column} >= ${timestampLiteral(windowStart)} and ${column} < ${timestampLiteral(windowEnd)}`;
}

function isSelected(selection: KeySelection, regions: string, traveler: string): string {
  return [...filters(selection, regions, traveler).values()].join(' and ');
}

/** All must hold. */
function filters(selection: KeySelection, regions: string, traveler: string): ReadonlyMap<KeyFilter, string> {
  const isInside = `${regions} && ${textArrayLiteral(selection.inputRegions)}`;
  const conditions = new Map<KeyFilter, string>();
  conditions.set('inputRegions', selection.includeTravelers ? `(${isInside} or ${traveler})` : isInside);
  if (selection.excludeRegions.length > 0) {
    conditions.set('excludeRegions', `not ${regions} && ${textArrayLiteral(selection.excludeRegions)}`);
  }
  if (selection.onlyNonTravelers) conditions.set('onlyNonTravelers', `not ${traveler}`);
  return conditions;
}
