/** Brings mirrors up to date now, several at a time, and tells how far each is. */
import { setTimeout as wait } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../domain/errors.ts';
import { findMirrors, readMirrorStates, type MirrorState } from '../../storage/mirrors/mirrors.ts';
import { runMirror } from './run.ts';
import type { MirrorDeps } from './settings.ts';

/** How often to look how far the mirrors are. */
const pollMs = 200;
/** Mirrors that one process has in hand. */
export const atATime = 4;

/** How far one mirror is. */
export interface MirrorProgress {
  readonly state: MirrorState;
  /** Told once, after everything else about this mirror. */
  readonly isDone: boolean;
}

/** What to run. */
export interface RunMirrorsOptions {
  /** This mirror only. */
  readonly name?: string;
  readonly signal: AbortSignal;
}

/**
 * Also tries what failed a moment ago. Mirrors that other workers have in hand are waited for and told too.
 * @throws AppError not_found `mirror_not_found`; of the database; a mirror that fails is told, not thrown
 */
export async function* runMirrors(deps: MirrorDeps, options: RunMirrorsOptions): AsyncGenerator<MirrorProgress> {
  const ids = await findMirrors(deps.database, options.name);
  if (options.name !== undefined && ids.length === 0) {
    throw new AppError('not_found', 'mirror_not_found', 'no mirror has this name');
  }
  const stopped = new AbortController();
  const runs = new Runs(deps, ids, AbortSignal.any([options.signal, stopped.signal]));
  const told = new Map<number, MirrorProgress>();
  try {
    for (let isOver = false; !isOver;) {
      isOver = await Promise.race([runs.ended.then(() => true), pause(options.signal)]);
      const done = new Set(runs.done);
      for (const id of ids) {
        const before = told.get(id);
        if (before?.isDone === true) continue;
        const [state] = await readMirrorStates(deps.database, { clock: deps.clock, ids: [id] });
        const progress = state && { state, isDone: done.has(id) };
        if (progress === undefined || isDeepStrictEqual(progress, before)) continue;
        told.set(id, progress);
        yield progress;
      }
    }
  } finally {
    stopped.abort();
    await runs.ended.catch(() => undefined);
  }
}

async function pause(signal: AbortSignal): Promise<false> {
  await wait(pollMs, undefined, { signal }).catch(() => {
    signal.throwIfAborted();
  });
  return false;
}

/** Runs of some mirrors. */
class Runs {
  readonly done = new Set<number>();
  /** Rejects when the database does not answer. */
  readonly ended: Promise<unknown>;

  constructor(deps: MirrorDeps, ids: readonly number[], signal: AbortSignal) {
    const waiting = ids.values();
    const work = async (): Promise<void> => {
      for (const id of waiting) {
        await finishMirror(deps, id, signal);
        this.done.add(id);
      }
    };
    this.ended = Promise.all(Array.from({ length: atATime }, work));
  }
}

/** Runs the mirror, or waits until whoever has it is done with it. */
async function finishMirror(deps: MirrorDeps, id: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const outcome = await runMirror(deps, id, { signal, ignoreBackOff: true });
    if (outcome !== 'taken' && outcome !== 'lost') return;
    const [state] = await readMirrorStates(deps.database, { clock: deps.clock, ids: [id] });
    if (state === undefined || (outcome === 'taken' && !state.isRunning)) return;
    await wait(pollMs, undefined, { signal });
  }
}
