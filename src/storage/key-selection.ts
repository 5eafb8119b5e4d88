/** Which rows a batch holds, as SQL: the one place for windows, regions, travelers and padding. */
import type { KeyRange, KeySelection } from '../domain/export/batch.ts';
import type { KeyList } from '../domain/export-file/format.ts';
import { bigintLiteral, byteaLiteral, textArrayLiteral, timestampLiteral } from './sql-literals.ts';

/** Real keys, padding, or both. */
export type KeySource = 'real' | 'padding' | 'all';

const COLUMNS =
  'key, interval_start, interval_count, transmission_risk, report_type, days_since_onset, traveler, regions';

/** What the revision says; regions and traveler only when it names them. */
const REVISED_COLUMNS = `key, interval_start, interval_count,
  coalesce(revised_transmission_risk, transmission_risk) as transmission_risk,
  coalesce(revised_report_type, report_type) as report_type, revised_days_since_onset as days_since_onset,
  coalesce(revised_traveler, traveler) as traveler, coalesce(revised_regions, regions) as regions`;

/**
 * A query whose rows are the batch's keys of one list, in no order, with the columns key, interval_start,
 * interval_count, transmission_risk, report_type, days_since_onset, traveler and regions. Has no parameters.
 */
export function keyRows(list: KeyList, selection: KeySelection, source: KeySource): string {
  const parts = [];
  if (source !== 'padding') parts.push(list === 'keys' ? primaryRows(selection) : revisedRows(selection));
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

function primaryRows(selection: KeySelection): string {
  return `select ${COLUMNS} from exposures
    where ${inWindow('created_at', selection)} and ${isSelected(selection, 'regions', 'traveler')}`;
}

function revisedRows(selection: KeySelection): string {
  const regions = 'coalesce(revised_regions, regions)';
  const traveler = 'coalesce(revised_traveler, traveler)';
  return `select ${REVISED_COLUMNS} from exposures
    where ${inWindow('revised_at', selection)} and ${isSelected(selection, regions, traveler)}`;
}

function paddingRows(list: KeyList, selection: KeySelection, decision: string): string {
  return `select ${COLUMNS} from padding_keys
    where ${inWindow('created_at', selection)} and ${isSelected(selection, 'regions', 'traveler')}
      and revised = ${list === 'revisedKeys'} and decision <= ${bigintLiteral(decision)}`;
}

function inWindow(column: string, { windowStart, windowEnd }: KeySelection): string {
  return `${column} >= ${timestampLiteral(windowStart)} and ${column} < ${timestampLiteral(windowEnd)}`;
}

function isSelected(selection: KeySelection, regions: string, traveler: string): string {
  const isInside = `${regions} && ${textArrayLiteral(selection.inputRegions)}`;
  const conditions = [selection.includeTravelers ? `(${isInside} or ${traveler})` : isInside];
  if (selection.excludeRegions.length > 0) {
    conditions.push(`not ${regions} && ${textArrayLiteral(selection.excludeRegions)}`);
  }
  if (selection.onlyNonTravelers) conditions.push(`not ${traveler}`);
  return conditions.join(' and ');
}
