/** Batches of keys between the wire and the domain, both ways, for whoever sends or takes them. */
import { AppError } from '../domain/errors.ts';
import type { AuthorityId } from '../domain/federation/authority-id.ts';
import type { SentKey } from '../domain/federation/sent-key.ts';
import type { KeyEvent, SharedKey } from '../domain/federation/shared-key.ts';
import { reportTypeCodes, type ReportType } from '../domain/publish/report-type.ts';
import * as proto from '../gen/enmesh/federation/v1/federation.ts';

/** Keys of one batch (federation.proto). */
export const mostBatchKeys = 1_000;

/** Of one origin: more regions than any country has, more hops than there are authorities. */
const mostRegions = 500;
const mostHops = 100;
/** Characters of a region; of an authority's name, which is two claims of a token. */
const longestRegion = 100;
const longestHop = 1_024;

const events: Readonly<Record<KeyEvent, proto.KeyEvent>> = {
  published: proto.KeyEvent.PUBLISHED,
  revised: proto.KeyEvent.REVISED,
  withdrawn: proto.KeyEvent.WITHDRAWN,
};

const eventsByNumber = new Map(Object.entries(events).map(([event, number]) => [number, event as KeyEvent]));

/** Report types are numbered as in export files. */
const reportTypesByNumber = new Map(
  Object.entries(reportTypeCodes).map(([type, code]) => [code as number, type as ReportType]),
);

/** What keys have in common stands there once; they share the lists themselves, so that no key has to be compared. */
export function toKeyBatch(keys: readonly SharedKey[]): proto.KeyBatch {
  const origins: proto.Origin[] = [];
  const indexes = new Map<readonly string[], { readonly path: readonly string[]; readonly index: number }>();
  const originOf = ({ regions, path }: SharedKey): number => {
    const known = indexes.get(regions);
    if (known?.path === path) return known.index;
    const index = origins.push({ regions: [...regions], path: [...path] }) - 1;
    indexes.set(regions, { path, index });
    return index;
  };
  return { keys: keys.map((key) => toKey(key, originOf(key))), origins };
}

function toKey(shared: SharedKey, origin: number): proto.Key {
  return {
    key: shared.key,
    event: events[shared.event],
    rollingStart: shared.intervalStart,
    rollingPeriod: shared.intervalCount,
    transmissionRisk: shared.transmissionRisk,
    reportType: reportTypeCodes[shared.reportType],
    daysSinceOnset: shared.daysSinceOnset ?? undefined,
    traveler: shared.traveler,
    origin,
  };
}

/**
 * The keys, in their order, as they were sent: each is judged by itself.
 * @throws AppError invalid `invalid_batch` for a batch that breaks the protocol
 */
export function fromKeyBatch(batch: proto.KeyBatch): readonly SentKey[] {
  if (batch.keys.length > mostBatchKeys) throw invalidBatch(`it holds more than ${String(mostBatchKeys)} keys`);
  if (batch.origins.length > batch.keys.length) throw invalidBatch('it holds more origins than keys');
  for (const origin of batch.origins) checkOrigin(origin);
  return batch.keys.map((key) => fromKey(key, batch.origins[key.origin]));
}

function fromKey(sent: proto.Key, origin: proto.Origin | undefined): SentKey {
  if (origin === undefined) throw invalidBatch('a key names an origin that is not there');
  return {
    key: sent.key,
    event: eventsByNumber.get(sent.event) ?? null,
    intervalStart: sent.rollingStart,
    intervalCount: sent.rollingPeriod,
    transmissionRisk: sent.transmissionRisk,
    reportType: reportTypesByNumber.get(sent.reportType) ?? null,
    daysSinceOnset: sent.daysSinceOnset ?? null,
    traveler: sent.traveler,
    regions: origin.regions,
    path: origin.path as AuthorityId[],
  };
}

function checkOrigin({ regions, path }: proto.Origin): void {
  if (regions.length > mostRegions || regions.some((region) => !isName(region, longestRegion))) {
    throw invalidBatch('the regions of an origin are too many, too long, or no text');
  }
  if (path.length > mostHops || path.some((hop) => !isName(hop, longestHop))) {
    throw invalidBatch('the path of an origin is too long, or no text');
  }
}

/** What no row can hold is no name. */
function isName(text: string, longest: number): boolean {
  return text.length <= longest && !text.includes('\0');
}

/** What a partner sent breaks the protocol. */
export function invalidBatch(what: string): AppError {
  return new AppError('invalid', 'invalid_batch', `the batch breaks the protocol: ${what}`);
}
