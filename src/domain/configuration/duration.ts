/** Durations as a configuration file writes them; variables have a reader of their own, since platform and domain share only errors. */

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `15m`, `4h`, `14d` → seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(seconds) ? seconds : undefined;
}

/** Seconds → text with the largest unit that divides them. */
export function formatDuration(seconds: number): string {
  const unit = (['d', 'h', 'm'] as const).find((name) => seconds > 0 && seconds % (secondsPerUnit[name] ?? 1) === 0);
  return unit === undefined ? `${String(seconds)}s` : `${String(seconds / (secondsPerUnit[unit] ?? 1))}${unit}`;
}
