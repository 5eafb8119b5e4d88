/** `federation.tick` finds partners that are due, `federation.pull` and `federation.push` exchange with one of them. */
import { AppError } from '../../domain/errors.ts';
import { scopeHash } from '../../domain/federation/scope.ts';
import type { Job, JobQueue, Schedule } from '../../platform/jobs.ts';
import { exchangeStates, type Direction, type ExchangeState } from '../../storage/partners/partner-exchanges.ts';
import { readKnownPartners, type KnownPartner } from '../../storage/partners/partners.ts';
import { closedThrough } from '../../storage/windows.ts';
import { pushScopeOf } from '../push/send.ts';
import { Places } from './places.ts';
import { runExchange } from './run.ts';
import type { ExchangeDeps } from './settings.ts';

/** What jobs need besides. */
export interface ExchangeJobDeps extends ExchangeDeps {
  readonly jobQueue: Pick<JobQueue, 'enqueue'>;
}

/** A window that closed is pushed within so long; a look without work reads a few rows. */
const tickSeconds = 4;

/** The jobs. */
export function exchangeJobs(deps: ExchangeJobDeps): Job[] {
  const { concurrency } = deps.settings;
  const places = { pull: new Places(concurrency), push: new Places(concurrency) };
  return [
    { name: 'federation.tick', run: async () => await tick(deps) },
    ...(['pull', 'push'] as const).map((direction) => ({
      name: `federation.${direction}`,
      run: async (payload: unknown, { signal }: { readonly signal: AbortSignal }) => {
        await runOne(deps, places[direction], { ...payloadOf(payload), direction, signal });
      },
    })),
  ];
}

/** When they run. */
export function exchangeSchedules({ settings }: Pick<ExchangeDeps, 'settings'>): Schedule[] {
  return [{ job: 'federation.tick', everySeconds: Math.min(tickSeconds, settings.intervalSeconds) }];
}

/** Puts a job into the queue for each exchange that is due; any process takes it. */
async function tick({ jobQueue, ...deps }: ExchangeJobDeps): Promise<void> {
  for (const { direction, ...payload } of await dueExchanges(deps)) {
    const job = `federation.${direction}`;
    // An exchange that fails has its own back-off, so the queue needn't try it again.
    await jobQueue.enqueue(job, payload, { key: String(payload.partnerId), maxAttempts: 1 });
  }
}

/** An exchange that is due. */
export interface DueExchange {
  readonly partnerId: number;
  readonly direction: Direction;
  /** The last run failed. */
  readonly hasFailed: boolean;
}

/** Closes windows, and finds exchanges whose time has come: those that have waited longest first. */
export async function dueExchanges(deps: Pick<ExchangeDeps, 'database' | 'clock'>): Promise<readonly DueExchange[]> {
  const through = await closedThrough(deps);
  const states = await exchangeStates(deps.database, deps.clock);
  const due: { readonly name: DueExchange; readonly since: number }[] = [];
  for (const partner of await readKnownPartners(deps.database)) {
    for (const direction of ['pull', 'push'] as const) {
      const state = states.find((one) => one.partnerId === partner.id && one.direction === direction);
      if (!isDue(partner, direction, state)) continue;
      if (direction === 'push' && state !== undefined && hasAll(partner, state, through)) continue;
      const hasFailed = (state?.failures ?? 0) > 0;
      due.push({ name: { partnerId: partner.id, direction, hasFailed }, since: state?.notBefore?.getTime() ?? 0 });
    }
  }
  return due.sort((a, b) => a.since - b.since).map(({ name }) => name);
}

function isDue(partner: KnownPartner, direction: Direction, state: ExchangeState | undefined): boolean {
  return partner.pausedAt === null && partner[direction] !== null && state?.isFree !== false;
}

/** Nothing is to be pushed: what is due under this rule has crossed. */
function hasAll(partner: KnownPartner, { caughtUpThrough, ruleHash }: ExchangeState, through: Date): boolean {
  const isOfRule = ruleHash?.equals(scopeHash(pushScopeOf(partner))) === true;
  return isOfRule && caughtUpThrough !== null && caughtUpThrough >= through;
}

/**
 * A process that is at work on as many as it may, in this direction, leaves the others to the next look: jobs of other kinds
 * want their turn. Partners that hang hold no more than half of the places, and who exchanges without end leaves when others
 * were turned away.
 */
async function runOne(
  deps: ExchangeDeps,
  places: Places,
  { hasFailed, ...exchange }: DueExchange & { readonly signal: AbortSignal },
): Promise<void> {
  using place = places.take(exchange.partnerId, { hasFailed });
  if (place === undefined) return;
  await toEnd(runExchange(deps, { ...exchange, isAsked: false, isWanted: () => place.isWanted }));
}

async function toEnd(run: AsyncGenerator): Promise<void> {
  while ((await run.next()).done !== true);
}

/** What a tick put into the queue; one of an older version, while a cluster is updated, does not say whether the last run failed. */
function payloadOf(payload: unknown): Omit<DueExchange, 'direction'> {
  if (typeof payload === 'object' && payload !== null && 'partnerId' in payload) {
    const hasFailed = 'hasFailed' in payload && payload.hasFailed === true;
    if (typeof payload.partnerId === 'number') return { partnerId: payload.partnerId, hasFailed };
  }
  throw new AppError('invalid', 'bad_payload', 'an exchange with a partner wants a partnerId');
}
