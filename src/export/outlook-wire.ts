/** Plans and explanations of keys as the contract's messages. */
import type { PlannedState } from '../domain/export/outlook.ts';
import * as proto from '../gen/enmesh/export/v1/export.ts';
import type { KeyExplanation } from './explain-key.ts';
import type { KeyPlacement, Verdict } from './key-verdict.ts';
import type { PlannedWindow } from './plan-ahead.ts';

const states: Record<PlannedState, proto.PlannedState> = {
  collecting: proto.PlannedState.COLLECTING,
  ageing: proto.PlannedState.AGEING,
  due: proto.PlannedState.DUE,
  building: proto.PlannedState.BUILDING,
  retrying: proto.PlannedState.RETRYING,
  shifted: proto.PlannedState.SHIFTED,
  'on hold': proto.PlannedState.ON_HOLD,
};

/** A window of the plan. */
export function plannedWindowToWire(window: PlannedWindow): proto.PlannedWindow {
  return {
    exportName: window.exportName,
    start: window.start,
    end: window.end,
    due: window.due ?? undefined,
    state: states[window.state],
    batchId: BigInt(window.batchId ?? 0),
    keys: window.counts.keys,
    revisedKeys: window.counts.revisedKeys,
    files: [...window.files],
    detail: window.detail,
  };
}

/** What is known of a key; null = nothing. */
export function explanationToWire(known: KeyExplanation | null): proto.ExplainKeyResponse {
  if (known === null) {
    const times = { created: undefined, revised: undefined, withdrawn: undefined };
    return { unknown: true, generated: false, ...times, placements: [] };
  }
  return {
    unknown: false,
    generated: known.isGenerated,
    created: known.createdAt,
    revised: known.revisedAt ?? undefined,
    withdrawn: known.withdrawnAt ?? undefined,
    placements: known.placements.map(placementToWire),
  };
}

const verdicts: Record<Verdict['verdict'], proto.KeyVerdict> = {
  published: proto.KeyVerdict.PUBLISHED,
  waiting: proto.KeyVerdict.WAITING,
  excluded: proto.KeyVerdict.EXCLUDED,
  expired: proto.KeyVerdict.EXPIRED,
};

function placementToWire(placement: KeyPlacement): proto.KeyPlacement {
  return {
    exportName: placement.exportName,
    isRevised: placement.isRevised,
    verdict: verdicts[placement.verdict],
    reason: placement.reason,
    file: placement.file ?? '',
    due: placement.due ?? undefined,
    start: placement.window?.start,
    end: placement.window?.end,
  };
}
