/** Where the exchange with partners stands: what is written of it, and how far it is behind. */
import { decodeCursor } from '../../domain/federation/cursor.ts';
import type { Position } from '../../domain/federation/position.ts';
import type { SharingScope } from '../../domain/federation/scope.ts';
import type { Clock } from '../../platform/clock.ts';
import { databaseTime } from '../../storage/database-time.ts';
import type { Database } from '../../storage/database.ts';
import { exchangeStates, type Direction, type ExchangeState } from '../../storage/partners/partner-exchanges.ts';
import { quarantineCounts } from '../../storage/partners/partner-quarantine.ts';
import { countStoredKeys, partnerFacts, type PartnerFacts } from '../../storage/partners/partner-status.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { countSharedKeys } from '../../storage/partners/shared-keys.ts';
import { readWindowState } from '../../storage/windows.ts';
import { pushScopeOf } from '../push/send.ts';

/** What looking needs. */
export interface StatusDeps {
  readonly database: Database;
  readonly clock: Clock;
}

/** One direction that we drive. */
export interface ExchangeStatus extends ExchangeState {
  /** What happened before has crossed; null = it has never come anywhere. */
  readonly reachedAt: Date | null;
  /** How far that is behind now (pull), behind the last closed window (push). */
  readonly lagSeconds: number | null;
  /** Keys that wait: as the partner said at the end (pull), as there are (push). */
  readonly lagKeys: number;
}

/** One partner. */
export interface PartnerStatus extends PartnerFacts {
  readonly partner: KnownPartner;
  /** Null = not configured. */
  readonly pull: ExchangeStatus | null;
  readonly push: ExchangeStatus | null;
  /** Keys that came from it; null where they were not counted. */
  readonly storedKeys: number | null;
  /** In the order of the reasons. */
  readonly quarantine: readonly { readonly reason: string; readonly keys: number }[];
}

/** How closely to look: who looks again and again counts nothing, or only what waits, because all takes long. */
export interface StatusOptions {
  readonly counts: 'none' | 'waiting' | 'all';
}

/** Rows that counting what waits for a push looks at. */
const mostWaiting = 100_000;

/** Looks at each of them. */
export async function statusOf(
  deps: StatusDeps,
  partners: readonly KnownPartner[],
  options: StatusOptions,
): Promise<readonly PartnerStatus[]> {
  const { database, clock } = deps;
  const facts = await partnerFacts(database, clock);
  const states = await exchangeStates(database, clock);
  const { closedThrough } = await readWindowState(database);
  const moment = { now: await databaseTime(database, clock), closedThrough, ...options };
  const found: PartnerStatus[] = [];
  for (const partner of partners) {
    const known = facts.get(partner.id);
    // It was deleted meanwhile.
    if (known === undefined) continue;
    const stateOf = (direction: Direction): ExchangeState =>
      states.find((state) => state.partnerId === partner.id && state.direction === direction) ??
      notBegun(partner, direction);
    found.push({
      ...known,
      partner,
      pull: partner.pull === null ? null : pullStatus(stateOf('pull'), moment),
      push: partner.push === null ? null : await pushStatus(deps, stateOf('push'), { ...moment, partner }),
      storedKeys: options.counts === 'all' ? await countStoredKeys(database, partner.id) : null,
      quarantine: await quarantineCounts(database, partner.id),
    });
  }
  return found;
}

interface Moment extends StatusOptions {
  readonly now: Date;
  readonly closedThrough: Date;
}

function pullStatus(state: ExchangeState, { now }: Moment): ExchangeStatus {
  const { caughtUpThrough: reachedAt, pendingKeys } = state;
  return { ...state, reachedAt, lagSeconds: reachedAt && secondsBetween(reachedAt, now), lagKeys: pendingKeys };
}

async function pushStatus(
  { database }: StatusDeps,
  state: ExchangeState,
  { closedThrough, counts, partner }: Moment & { readonly partner: KnownPartner },
): Promise<ExchangeStatus> {
  const scope = pushScopeOf(partner);
  const after = decodeCursor(state.cursor ?? Buffer.alloc(0), scope);
  const reachedAt = after.at.getTime() > 0 ? after.at : null;
  return {
    ...state,
    reachedAt,
    lagSeconds: reachedAt && secondsBetween(reachedAt, closedThrough),
    lagKeys: counts === 'none' ? state.pendingKeys : await waitingKeys(database, scope, { after, closedThrough }),
  };
}

async function waitingKeys(
  database: Database,
  scope: SharingScope | null,
  { after, closedThrough }: { readonly after: Position; readonly closedThrough: Date },
): Promise<number> {
  if (scope === null) return 0;
  return await countSharedKeys(database, scope, { after, through: closedThrough, most: mostWaiting });
}

function secondsBetween(earlier: Date, later: Date): number {
  return Math.max(0, Math.floor((later.getTime() - earlier.getTime()) / 1000));
}

function notBegun({ id }: KnownPartner, direction: Direction): ExchangeState {
  return {
    partnerId: id,
    direction,
    cursor: null,
    ruleHash: null,
    caughtUpThrough: null,
    pendingKeys: 0,
    keys: 0,
    refusedKeys: 0,
    succeededAt: null,
    failures: 0,
    notBefore: null,
    errorCode: null,
    lastError: null,
    isRunning: false,
    isFree: true,
  };
}
