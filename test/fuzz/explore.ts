/** Runs one decoder with ever new inputs, and keeps those that reach something new. */
import { AppError } from '../../src/domain/errors.ts';
import type { Coverage } from './instrument.ts';
import { mutate, type Random } from './mutate.ts';
import { cpuMs } from '../support/cpu-time.ts';

/** A decoder under test. */
export interface Target {
  readonly name: string;
  /** What it reads when all is well, and less. */
  readonly seeds: readonly Buffer[];
  /** Throws an AppError of the caller's kind for what cannot be read; anything else that it throws is a finding. */
  run(input: Buffer): unknown;
}

/** An input that must not do what it does. */
export interface Finding {
  readonly input: Buffer;
  readonly fault: unknown;
}

/** What was done. */
export interface Exploration {
  readonly runs: number;
  /** Inputs that each reached something new. */
  readonly kept: number;
  readonly branches: number;
  readonly finding: Finding | undefined;
}

/** Most milliseconds that an input may take, of this process's CPU: what else the machine does is not its fault. */
const mostMs = 50;
/** Compiling or collecting garbage is slow once; an input that is slow is slow each time. */
const slowTimes = 3;

/** An error of these kinds would be a 5xx. */
const oursKinds: ReadonlySet<string> = new Set(['internal', 'unavailable', 'timeout']);

/**
 * Explores until the time is up or something is found.
 * @param options.until as `performance.now()` tells time
 */
export async function explore(
  target: Target,
  coverage: Coverage,
  options: { readonly random: Random; readonly until: number },
): Promise<Exploration> {
  const { random, until } = options;
  const seen = new Uint8Array(coverage.counters.length);
  const corpus: Buffer[] = [];
  const words = [...coverage.words].map((word) => Buffer.from(word));
  const seeds = [Buffer.alloc(0), ...target.seeds];
  let finding: Finding | undefined;
  let runs = 0;
  while (finding === undefined && (runs < seeds.length || performance.now() < until)) {
    const input = seeds[runs++] ?? mutate(favoured(corpus, random), { random, corpus, words });
    coverage.counters.fill(0, 0, coverage.size);
    const fault = await faultOf(target, input);
    if (fault !== undefined) finding = { input, fault };
    else if (reachesMore(coverage, seen) || corpus.length === 0) corpus.push(input);
  }
  const branches = seen.reduce((sum, known) => sum + (known === 0 ? 0 : 1), 0);
  return { runs, kept: corpus.length, branches, finding };
}

/** The shorter of two, of which one is new: new ones lead on, and in short ones a change meets what matters. */
function favoured(corpus: readonly Buffer[], random: Random): Buffer {
  const pickAmong = (newest: number): Buffer => corpus[corpus.length - 1 - Math.floor(random() * newest)]!;
  const [one, other] = [pickAmong(corpus.length), pickAmong(Math.ceil(corpus.length / 4))];
  return one.length < other.length ? one : other;
}

/** What is wrong with how an input is answered; undefined = nothing. */
export async function faultOf(target: Target, input: Buffer): Promise<unknown> {
  const startedAt = performance.now();
  const fault = await thrownBy(target, input);
  if (fault !== undefined || performance.now() - startedAt <= mostMs) return fault;
  for (let times = 0; times < slowTimes; times++) {
    const before = process.cpuUsage();
    await thrownBy(target, input);
    if (cpuMs(before) <= mostMs) return undefined;
  }
  return new Error(`takes more than ${mostMs} ms`);
}

async function thrownBy(target: Target, input: Buffer): Promise<unknown> {
  try {
    // A copy: what a decoder did to its input would not be in the file that reproduces it.
    await target.run(Buffer.from(input));
    return undefined;
  } catch (error) {
    return error instanceof AppError && !oursKinds.has(error.kind) ? undefined : error;
  }
}

/** Notes each branch's count by magnitude: 1, 2, 3–4, 5–8 … are different things to have reached. */
function reachesMore({ counters, size }: Coverage, seen: Uint8Array): boolean {
  let isMore = false;
  for (let branch = 0; branch < size; branch++) {
    const count = counters[branch]!;
    if (count === 0) continue;
    const magnitude = 1 << Math.min(7, 32 - Math.clz32(count - 1));
    if ((seen[branch]! & magnitude) !== 0) continue;
    seen[branch]! |= magnitude;
    isMore = true;
  }
  return isMore;
}
