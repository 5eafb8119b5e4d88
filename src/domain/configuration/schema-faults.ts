/** What the schemas refuse, in words. */
import type { z } from 'zod';
import { fault, type Fault, type PathPart } from './faults.ts';

const wantedWords: Readonly<Record<string, string>> = {
  string: 'text (in quotes when it looks like something else)',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a mapping',
};

/** The message of an issue that its schema does not describe itself. */
export function describeIssue(issue: z.core.$ZodRawIssue): string {
  const missing = issue.input === undefined ? 'is missing; ' : '';
  if (issue.code === 'unrecognized_keys') return 'is not a field here; correct its name or leave it out';
  if (issue.code === 'invalid_type') return `${missing}wants ${wantedWords[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') {
    return `${missing}wants one of ${issue.values.filter((value) => value !== false).join(', ')}`;
  }
  // Of all others only a union has no words of its own: a time.
  return `${missing}wants a time with its zone, such as 2026-01-01T00:00:00Z`;
}

/** Faults of one member; a field that nobody knows is a fault at its own path. */
export function schemaFaults(path: readonly PathPart[], issues: readonly z.core.$ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => {
    const at = [...path, ...(issue.path as PathPart[])];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => fault([...at, key], issue.message));
    return [fault(at, issue.message)];
  });
}
