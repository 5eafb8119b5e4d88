/** Between the messages of Fetch and what they mean. */
import { fromFetchCursor, toFetchCursor } from '../../domain/federation/fetch-cursor.ts';
import type { AskedScope } from '../../domain/federation/scope.ts';
import type { SharedKey } from '../../domain/federation/shared-key.ts';
import type { ReportType } from '../../domain/publish/report-type.ts';
import * as proto from '../../gen/federation.ts';
import type { FetchedPage, FetchState } from './fetch.ts';

/** What is asked for. */
export function toAskedScope(request: proto.FederationFetchRequest): AskedScope {
  return {
    regions: request.includeRegions,
    excludeRegions: request.excludeRegions,
    onlyLocal: request.onlyLocalProvenance,
    onlyTravelers: request.onlyTravelers,
  };
}

/** Where to go on; what is absent begins. @throws AppError invalid `invalid_cursor` */
export function toFetchState({ state }: proto.FederationFetchRequest): FetchState {
  return { keys: fromFetchCursor(state?.keyCursor), revisedKeys: fromFetchCursor(state?.revisedKeyCursor) };
}

/** Of an answer: both cursors are always there, which deployed clients rely on (reference 5.5). */
export function toFetchResponse(page: FetchedPage): proto.FederationFetchResponse {
  return {
    keys: page.keys.map(toExposureKey),
    revisedKeys: page.revisedKeys.map(toExposureKey),
    partialResponse: page.isPartial,
    nextFetchState: {
      keyCursor: toFetchCursor(page.next.keys),
      revisedKeyCursor: toFetchCursor(page.next.revisedKeys),
    },
  };
}

const { ExposureKey_ReportType: type } = proto;

/** Reference 5.1; self reports travel as such (decisions, Federation 5). */
const reportTypes: Readonly<Record<ReportType, proto.ExposureKey_ReportType>> = {
  none: type.UNKNOWN,
  confirmed: type.CONFIRMED_TEST,
  likely: type.CONFIRMED_CLINICAL_DIAGNOSIS,
  'user-report': type.SELF_REPORT,
  negative: type.REVOKED,
};

function toExposureKey(shared: SharedKey): proto.ExposureKey {
  return {
    exposureKey: shared.key,
    transmissionRisk: shared.transmissionRisk,
    intervalNumber: shared.intervalStart,
    intervalCount: shared.intervalCount,
    reportType: reportTypes[shared.reportType],
    daysSinceOnsetOfSymptoms: shared.daysSinceOnset ?? 0,
    hasSymptomOnset: shared.daysSinceOnset !== null,
    traveler: shared.traveler,
    regions: [...shared.regions],
  };
}
