/** What is to be said of a configuration: one line a fault or warning, each with its path in the file. */
import { AppError } from '../errors.ts';

/** One thing that is wrong, or worth a warning. */
export interface Fault {
  /** Such as `exports[0].inputRegions[1]`. */
  readonly path: string;
  /** What is wrong and what to do; never a value from the file. */
  readonly message: string;
}

/** Part of a path: a field's name or a list's index. */
export type PathPart = string | number;

/** `['exports', 0, 'period']` → `exports[0].period`. */
export function pathText(parts: readonly PathPart[]): string {
  return parts.reduce<string>((path, part) => {
    if (typeof part === 'number') return `${path}[${String(part)}]`;
    return path === '' ? part : `${path}.${part}`;
  }, '');
}

/** A fault at a path. */
export function fault(parts: readonly PathPart[], message: string): Fault {
  return { path: pathText(parts), message };
}

/** `path: what is wrong`, as people read it. */
export function faultText({ path, message }: Fault): string {
  return path === '' ? message : `${path}: ${message}`;
}

/**
 * Ends here when there is any fault.
 * @throws AppError `invalid`/`invalid_configuration` with one detail line a fault
 */
export function refuseFaults(faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const count = faults.length === 1 ? 'a fault' : `${String(faults.length)} faults`;
  throw new AppError('invalid', 'invalid_configuration', `the configuration has ${count}; nothing was changed`, {
    details: faults.map(faultText),
  });
}
