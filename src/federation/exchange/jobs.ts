/** `federation.tick` finds partners that are due, `federation.pull` and `federation.push` exchange with one of them. */
import { AppError } from '../../domain/errors.ts';
import { scopeHash } from '../../domain/federation/scope.ts';
import type { Job, JobQueue, Schedule } from '../../platform/jobs.ts';
import { exchangeStates, type Direction, type ExchangeState } from '../../storage/partners/partner-exchanges.ts';
import { readKnownPartners, type KnownPartner } from '../../storage/partners/partners.ts';
import { closedThrough } from '../../storage/windows.ts';
import { pushScopeOf } from '../push/send.ts';
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
  const atWork = { pull: new Set<number>(), push: new Set<number>() };
  return [
    { name: 'federation.tick', run: async () => await tick(deps) },
    ...(['pull', 'push'] as const).map((direction) => ({
      name: `federation.${direction}`,
      run: async (payload: unknown, { signal }: { readonly signal: AbortSignal }) => {
        await runOne(deps, atWork[direction], { partnerId: partnerIdOf(payload), direction, signal });
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
  for (const { partnerId, direction } of await dueExchanges(deps)) {
    const job = `federation.${direction}`;
    // An exchange that fails has its own back-off, so the queue needn't try it again.
    await jobQueue.enqueue(job, { partnerId }, { key: String(partnerId), maxAttempts: 1 });
  }
}

/** An exchange that is due. */
export interface DueExchange {
  readonly partnerId: number;
  readonly direction: Direction;
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
      due.push({ name: { partnerId: partner.id, direction }, since: state?.notBefore?.getTime() ?? 0 });
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

/** A process that is at work on as many as it may, in this direction, leaves the others to the next look: jobs of other kinds want their turn. */
async function runOne(
  deps: ExchangeDeps,
  atWork: Set<number>,
  exchange: DueExchange & { readonly signal: AbortSignal },
): Promise<void> {
  const { partnerId } = exchange;
  if (atWork.has(partnerId) || atWork.size >= deps.settings.concurrency) return;
  atWork.add(partnerId);
  try {
    await toEnd(runExchange(deps, { ...exchange, isAsked: false }));
  } finally {
    atWork.delete(partnerId);
  }
}

async function toEnd(run: AsyncGenerator): Promise<void> {
  while ((await run.next()).done !== true);
}

function partnerIdOf(payload: unknown): number {
  if (typeof payload === 'object' && payload !== null && 'partnerId' in payload) {
    if (typeof payload.partnerId === 'number') return payload.partnerId;
  }
  throw new AppError('invalid', 'bad_payload', 'an exchange with a partner wants a partnerId');
}
