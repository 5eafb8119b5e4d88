/** Aligned columns for people. */

/** A column of a table: its heading and on which side its cells stand. */
export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
}

const gap = '  ';

/**
 * Lays rows out under headings, each column as wide as its widest cell; lines end without spaces.
 * @param rows cells in the order of the columns; missing ones are empty
 * @returns lines with a newline after each
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.heading), ...rows];
  const widths = columns.map((_, index) =>
    lines.reduce((widest, line) => Math.max(widest, width(line[index] ?? '')), 0),
  );
  return lines.map((line) => `${formatLine(line, columns, widths).trimEnd()}\n`).join('');
}

function formatLine(line: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  return columns
    .map((column, index) => {
      const cell = line[index] ?? '';
      const fill = ' '.repeat((widths[index] ?? 0) - width(cell));
      return column.align === 'right' ? fill + cell : cell + fill;
    })
    .join(gap);
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return Array.from(text).length;
}

/** `1 file`, `2 files`. */
export function count(number: number | bigint, noun: string, plural = `${noun}s`): string {
  return `${String(number)} ${Number(number) === 1 ? noun : plural}`;
}

/** Bytes for people: `512 B`, `1.5 kB`, `20.1 MB`. */
export function formatBytes(bytes: number | bigint): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = Number(bytes);
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? String(size) : size.toFixed(1)} ${units[unit] ?? ''}`;
}

/** A time without milliseconds, UTC; `-` when there is none. */
export function formatTime(time: Date | undefined): string {
  return time === undefined ? '-' : time.toISOString().replace(/\.\d+Z$/, 'Z');
}
