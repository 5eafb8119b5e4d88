/** The index that phones poll. */

/**
 * Object names with their root, each once, oldest first, one a line, no newline at the end (reference 3.5). Within one
 * root that is byte order; a file of a root that the export has left stands among the others by its times.
 */
export function indexText(names: Iterable<string>): string {
  return [...new Set(names)].sort((a, b) => byBytes(lastPart(a), lastPart(b)) || byBytes(a, b)).join('\n');
}

/** Begins with the times. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Names are US-ASCII, where code units are bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
