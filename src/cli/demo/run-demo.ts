/** `enmesh demo`: sets the stage, lets the story run within its time, and leaves nothing behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import { Lifecycle } from '../../platform/lifecycle.ts';
import { within } from '../../platform/time-limit.ts';
import type { Io } from '../io.ts';
import { untilAborted } from '../start/stop.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { chooseSites, errorsIn, startAuthority, type Site } from './authorities.ts';
import { Narrator } from './narrator.ts';
import { tellStory } from './story.ts';

/** What can be asked of it. */
export interface DemoOptions {
  /** Both authorities go on after the story until the process is asked to stop. */
  readonly keep: boolean;
}

/** What is needed from the first moment to the last. */
interface Stage {
  readonly io: Io;
  readonly narrator: Narrator;
  /** Aborted when the story must end: it takes too long, or somebody wants it. */
  readonly signal: AbortSignal;
  readonly lifecycle: Lifecycle;
  sites: readonly Site[];
}

/** It takes a quarter of a minute; on a machine that needs longer than this, something is wrong. */
const limitMs = 300_000;
/** What has not stopped by then is left to the end of the process. */
const stopMs = 20_000;
/** Whatever may still keep the process alive after everything has stopped does so no longer than this. */
const lingerMs = 2_000;

/**
 * Tells the story and ends everything that it started, however it ends.
 * @throws AppError `demo_failed` naming the chapter, `interrupted`
 */
export async function runDemo(given: Io, { keep }: DemoOptions): Promise<void> {
  const io = withoutOurVariables(given);
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(limitMs)]);
  const stage: Stage = { io, signal, narrator: new Narrator(io), lifecycle: new Lifecycle(), sites: [] };
  const startedAt = io.clock.now();
  const played = play(stage);
  try {
    await unlessAborted(played, signal);
    const seconds = Math.round((io.clock.now().getTime() - startedAt.getTime()) / 1000);
    await end(stage, { seconds, keep });
  } catch (error) {
    throw io.signal.aborted ? new AppError('unavailable', 'interrupted', 'interrupted') : await failure(stage, error);
  } finally {
    await clear(stage, played);
  }
}

/** Variables `ENMESH_…` would change both authorities. */
function withoutOurVariables(given: Io): Io {
  const { stdout, stderr, clock, signal } = given;
  const kept = Object.entries(given.env).filter(([name]) => !name.startsWith('ENMESH_'));
  const env = Object.fromEntries(kept);
  // Whoever only looks at the standard input opens it.
  return { env, stdout, stderr, clock, signal, stdin: emptyInput() };
}

async function* emptyInput(): AsyncGenerator<Uint8Array> {
  // Nobody is asked anything.
}

async function play(stage: Stage): Promise<void> {
  const { io, narrator, signal, lifecycle } = stage;
  narrator.begin('Two authorities start');
  const folder = await mkdtemp(join(tmpdir(), 'enmesh-demo-'));
  lifecycle.add({ stop: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) });
  const [siteOfAa, siteOfBb] = await chooseSites(folder);
  stage.sites = [siteOfAa, siteOfBb];
  const starting = [startAuthority(io, siteOfAa, siteOfBb), startAuthority(io, siteOfBb, siteOfAa)] as const;
  // Whichever starts is stopped again, also when the other one does not.
  for (const start of await Promise.allSettled(starting)) {
    if (start.status === 'fulfilled') lifecycle.add(start.value.installation);
  }
  const [aa, bb] = await Promise.all(starting);
  signal.throwIfAborted();
  await tellStory({ io, narrator, signal, aa, bb });
}

async function end({ io, narrator }: Stage, { seconds, keep }: { seconds: number; keep: boolean }): Promise<void> {
  narrator.say('');
  if (!keep) {
    narrator.say(`That was all, in ${String(seconds)} s. Both authorities stop, and their data is removed.`);
    return;
  }
  narrator.say(`That was all, in ${String(seconds)} s. Both authorities go on until Ctrl-C.`);
  await untilAborted(io.signal);
}

async function failure({ narrator, sites }: Stage, error: unknown): Promise<AppError> {
  const message = error instanceof Error ? error.message : 'it threw something odd';
  const details = error instanceof AppError ? error.details : [];
  const logged = (await Promise.all(sites.map(errorsIn))).flat();
  return new AppError('internal', 'demo_failed', `"${narrator.chapter}" failed: ${message}`, {
    cause: error,
    details: [...details, ...logged],
  });
}

async function clear({ lifecycle }: Stage, played: Promise<void>): Promise<void> {
  const cleared = played.catch(() => undefined).then(() => lifecycle.stop());
  const isCleared = await within(stopMs, cleared).then(
    () => true,
    () => false,
  );
  setTimeout(() => process.exit(isCleared ? process.exitCode : 1), lingerMs).unref();
}
