/** Several faults as the one text that phones know (reference 4.8). */

/** `1 error occurred:` or `N errors occurred:` and a bulleted line each. */
export function multiErrorText(faults: readonly string[]): string {
  const heading = faults.length === 1 ? '1 error occurred:' : `${String(faults.length)} errors occurred:`;
  return `${heading}\n${faults.map((fault) => `\t* ${fault}\n`).join('')}\n`;
}
