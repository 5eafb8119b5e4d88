/** Fetch as its client: the call to a deployed server, and its answer as domain types. The partner may be hostile. */
import type { PullRule } from '../../domain/configuration/configuration.ts';
import type { SentKey } from '../../domain/federation/sent-key.ts';
import type { KeyEvent } from '../../domain/federation/shared-key.ts';
import type { ReportType } from '../../domain/publish/report-type.ts';
import {
  type Cursor,
  type ExposureKey,
  ExposureKey_ReportType as WireReportType,
  FederationDefinition,
  type FederationFetchResponse,
  FetchState,
} from '../../gen/federation.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { openPartnerClient, type PartnerChannelDeps } from '../auth/partner-channel.ts';
import { badAnswer } from '../exchange/fault.ts';
import { mostBatchKeys } from '../wire.ts';

/** Keys of a page, as deployed clients ask for (reference 5.5). */
const pageKeys = 500;
/** Bytes of a state that is kept: two times and two short tokens. */
const mostStateBytes = 1_024;
/** The first second of year 1: deployed clients send it for a time that is not set (reference 5.5). */
const unset: Cursor = { timestamp: -62_135_596_800n, nextToken: '' };

/** One answer. */
export interface Page {
  /** Keys first, then revisions. */
  readonly keys: readonly SentKey[];
  /** To ask for the next page with. */
  readonly state: Buffer;
  /** There is more now. */
  readonly isPartial: boolean;
}

/** A connection to fetch over. */
export interface Pages extends Disposable {
  /**
   * @param options.state the last page's; null = from the beginning
   * @param options.timeoutMs longest time of this call; when not given, the longest that a page takes
   */
  fetch(
    rule: PullRule,
    options: { readonly state: Buffer | null; readonly timeoutMs?: number; readonly signal: AbortSignal },
  ): Promise<Page>;
}

/** Opens it. @throws AppError as `openPartnerClient` */
export function openPages(partner: KnownPartner, channel: PartnerChannelDeps): Pages {
  const { client, close } = openPartnerClient(FederationDefinition, partner, channel);
  return {
    fetch: async ({ regions, excludeRegions, onlyTravelers }, { state, ...limits }) => {
      const before = readState(state);
      const response = await client.fetch(
        {
          includeRegions: [...regions],
          excludeRegions: [...excludeRegions],
          onlyTravelers,
          // The answer does not say which way a key came, so those of others could go round in circles.
          onlyLocalProvenance: true,
          maxExposureKeys: pageKeys,
          state: before,
        },
        limits,
      );
      return toPage(response, before);
    },
    [Symbol.dispose]: close,
  };
}

/** A deployed server dies of a state that lacks one of its cursors (reference 5.3). */
interface WholeState {
  readonly keyCursor: Cursor;
  readonly revisedKeyCursor: Cursor;
}

function readState(bytes: Buffer | null): WholeState {
  const { keyCursor, revisedKeyCursor } = bytes === null ? {} : FetchState.decode(bytes);
  return { keyCursor: keyCursor ?? unset, revisedKeyCursor: revisedKeyCursor ?? unset };
}

/**
 * What a response says. A cursor that it lacks has not moved.
 * @throws AppError invalid `bad_partner_answer`
 */
function toPage(response: FederationFetchResponse, before: WholeState): Page {
  const { keys, revisedKeys, partialResponse, nextFetchState } = response;
  if (keys.length + revisedKeys.length > mostBatchKeys) throw badAnswer('it holds more keys than were asked for');
  const state = FetchState.encode({
    keyCursor: nextFetchState?.keyCursor ?? before.keyCursor,
    revisedKeyCursor: nextFetchState?.revisedKeyCursor ?? before.revisedKeyCursor,
  }).finish();
  if (state.length > mostStateBytes) throw badAnswer('its state is too long');
  return {
    keys: [...keys.map((key) => toSentKey(key, 'published')), ...revisedKeys.map((key) => toSentKey(key, 'revised'))],
    state: Buffer.from(state),
    isPartial: partialResponse,
  };
}

/** Not said, and said by somebody else who does not say by whom, are no report types (reference 5.5). */
const reportTypes: Readonly<Record<number, ReportType>> = {
  [WireReportType.CONFIRMED_TEST]: 'confirmed',
  [WireReportType.CONFIRMED_CLINICAL_DIAGNOSIS]: 'likely',
  [WireReportType.SELF_REPORT]: 'user-report',
  [WireReportType.REVOKED]: 'negative',
};

function toSentKey(sent: ExposureKey, event: KeyEvent): SentKey {
  return {
    key: sent.exposureKey,
    event,
    intervalStart: sent.intervalNumber,
    intervalCount: sent.intervalCount,
    transmissionRisk: sent.transmissionRisk,
    reportType: reportTypes[sent.reportType] ?? null,
    daysSinceOnset: sent.hasSymptomOnset ? sent.daysSinceOnsetOfSymptoms : null,
    traveler: sent.traveler,
    regions: sent.regions,
    path: [],
  };
}
