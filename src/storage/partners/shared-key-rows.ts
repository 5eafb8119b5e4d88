/** Keys that partners may have, out of the compact form that PostgreSQL gives them in: the hot loop of sharing. */
import type { AuthorityId } from '../../domain/federation/authority-id.ts';
import type { SharingScope } from '../../domain/federation/scope.ts';
import { keyEvents, type SharedKey } from '../../domain/federation/shared-key.ts';
import { reportTypeOfCode } from '../../domain/publish/report-type.ts';

/**
 * One key as bytes: 16 of the key, the number of its group, then its own values. One value of a million bytes crosses
 * several times faster than ten columns of thousands of rows.
 */
export const KEY_RECORD = `key || int4send(number) || int4send(interval_start) || int2send(interval_count)
  || int2send(transmission_risk) || int2send(report_type) || int2send(coalesce(days_since_onset, 32767::smallint))
  || boolsend(traveler)`;

const RECORD_BYTES = 33;
const NO_ONSET = 32_767;

/** What many keys have in common. */
export interface SharedGroup {
  /** Milliseconds since 1970: the window in which it happened. */
  readonly at: number;
  /** Index into {@link keyEvents}. */
  readonly event: number;
  readonly regions: readonly string[];
  /** As stored: authorities, and what an import is called here. */
  readonly path: readonly string[];
}

/** A key, and in which window its event happened. */
export interface FoundKey {
  readonly key: SharedKey;
  readonly at: Date;
}

/** The keys, in their order, as the recipient may see them. */
export function foundKeys(records: Buffer, groups: readonly SharedGroup[], scope: SharingScope): FoundKey[] {
  const visible = groups.map((group) => visiblePart(group, scope));
  const found: FoundKey[] = [];
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const { window, ...common } = visible[records.readInt32BE(at + 16)]!;
    const onset = records.readInt16BE(at + 30);
    found.push({
      at: window,
      key: {
        key: records.subarray(at, at + 16),
        intervalStart: records.readInt32BE(at + 20),
        intervalCount: records.readInt16BE(at + 24),
        transmissionRisk: records.readInt16BE(at + 26),
        reportType: common.event === 'withdrawn' ? 'negative' : reportTypeOfCode(records.readInt16BE(at + 28)),
        daysSinceOnset: scope.omitOnset || onset === NO_ONSET ? null : onset,
        traveler: records[at + 32] === 1,
        ...common,
      },
    });
  }
  return found;
}

function visiblePart({ at, event, regions, path }: SharedGroup, scope: SharingScope) {
  const allowed = new Set(scope.regions);
  return {
    window: new Date(at),
    event: keyEvents[event]!,
    regions: [...new Set(regions)].filter((region) => allowed.has(region)).sort(),
    // What an import is called here is nobody's business.
    path: path.filter((name): name is AuthorityId => name.includes('#')),
  };
}
