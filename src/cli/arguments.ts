/** How the text of an argument or option becomes a value; each refusal says what is wanted. */
import { InvalidArgumentError } from 'commander';
import { duration } from '../platform/config/readers.ts';

/** A whole number within bounds, both inclusive. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It wants a whole number from ${String(min)} to ${String(max)}.`);
  };
}

/** A row's number. */
export function databaseId(text: string): bigint {
  if (/^[1-9]\d{0,17}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError('It wants a whole number of at least 1.');
}

/** `90s`, `15m`, `1h`, `14d` → seconds. */
export function durationSeconds(text: string): number {
  try {
    return duration(text);
  } catch (error) {
    throw new InvalidArgumentError(`It ${error instanceof Error ? error.message : 'cannot be read'}.`);
  }
}

/** A time with its zone: `2026-03-15T13:47:30Z`. */
export function time(text: string): Date {
  const value = new Date(text);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(value.getTime())) {
    return value;
  }
  throw new InvalidArgumentError('It wants a time with its zone, such as 2026-03-15T13:47:30Z.');
}

/** A day: `2026-03-15`; its first moment in UTC. */
export function day(text: string): Date {
  const value = new Date(`${text}T00:00:00Z`);
  if (/^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(value.getTime())) return value;
  throw new InvalidArgumentError('It wants a day, such as 2026-03-15.');
}
