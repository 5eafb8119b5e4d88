/** The index that phones poll. */

/** Object names with their root, each once, in byte order (so oldest first), one a line, no newline at the end (reference 3.5). */
export function indexText(names: Iterable<string>): string {
  return [...new Set(names)].sort(byBytes).join('\n');
}

/** Names are US-ASCII, where code units are bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
