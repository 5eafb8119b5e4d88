/** The steps of an explanation, and how it ends: the first refusal is where the phone's publish ends. */
import { AppError } from '../../../domain/errors.ts';

/** How a check ended. */
export type Outcome = 'passed' | 'warning' | 'refused' | 'skipped';

/** One check. */
export interface Step {
  readonly name: string;
  readonly outcome: Outcome;
  /** What was found, and the cure of a fault. */
  readonly lines: readonly string[];
  /** The `code` that the phone gets for a refusal. */
  readonly code: string;
}

/** What a check came to: its value, or why it refuses. */
export type Checked<T> =
  { readonly value: T; readonly refusal?: never } | { readonly value?: never; readonly refusal: AppError };

/**
 * Runs a check of the publish itself.
 * @throws what is no refusal
 */
export async function check<T>(run: () => T | Promise<T>): Promise<Checked<T>> {
  try {
    return { value: await run() };
  } catch (error) {
    if (error instanceof AppError) return { refusal: error };
    throw error;
  }
}

/** What a step says besides its verdict. */
export interface Told {
  readonly passed?: readonly string[];
  /** Causes and cures. */
  readonly refused?: readonly string[];
}

/** Steps in their order. */
export class Steps {
  readonly #steps: Step[] = [];
  #end: AppError | undefined;

  get all(): readonly Step[] {
    return this.#steps;
  }

  /** Why the publish ends; undefined = nothing refused it so far. */
  get end(): AppError | undefined {
    return this.#end;
  }

  passed(name: string, ...lines: string[]): void {
    this.#add(name, 'passed', lines);
  }

  /** Something is left out or replaced, and the publish goes on. */
  warned(name: string, ...lines: string[]): void {
    this.#add(name, 'warning', lines);
  }

  /** It cannot be looked at, because of an earlier step. */
  skipped(name: string, ...lines: string[]): void {
    this.#add(name, 'skipped', lines);
  }

  /** The publish ends here, or would if it had come so far. */
  refused(name: string, refusal: AppError, ...hints: string[]): void {
    this.#end ??= refusal;
    this.#steps.push({ name, outcome: 'refused', lines: [refusal.message, ...hints], code: refusal.code });
  }

  /** The outcome of a check as a step. */
  report(name: string, { refusal }: Checked<unknown>, told: Told = {}): void {
    if (refusal === undefined) this.passed(name, ...(told.passed ?? []));
    else this.refused(name, refusal, ...(told.refused ?? []));
  }

  /**
   * Adds the steps of a part.
   * @param options.asWarnings why its refusals do not count
   */
  append(part: Steps, options: { readonly asWarnings?: string } = {}): void {
    const { asWarnings } = options;
    if (asWarnings === undefined) {
      this.#end ??= part.#end;
      this.#steps.push(...part.#steps);
      return;
    }
    for (const step of part.#steps) {
      const isRefusal = step.outcome === 'refused';
      this.#steps.push(
        isRefusal ? { ...step, outcome: 'warning', code: '', lines: [...step.lines, asWarnings] } : step,
      );
    }
  }

  #add(name: string, outcome: Outcome, lines: readonly string[]): void {
    this.#steps.push({ name, outcome, lines, code: '' });
  }
}
