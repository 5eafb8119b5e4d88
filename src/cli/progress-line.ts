/** How far long work is, as one line that fits the terminal. */
import { formatBytes } from './table.ts';

/** How far work is. */
export interface Step {
  readonly done: number;
  /** Undefined = nobody knows. */
  readonly total?: number | undefined;
  /** What is counted; plain numbers when not given. */
  readonly unit?: 'bytes';
  /** Where the work is just now, such as a file's name. */
  readonly detail?: string;
}

/** What the line is made of. */
export interface ProgressState {
  readonly label: string;
  /** Undefined = only time is known. */
  readonly step: Step | undefined;
  /** Since the work began. */
  readonly seconds: number;
}

const barWidth = 20;
const gap = '  ';

/** The line in less than `columns` characters; what matters least is left out first. */
export function progressLine({ label, step, seconds }: ProgressState, columns: number): string {
  const room = Math.max(1, columns - 1);
  const time = `${String(Math.floor(seconds))} s`;
  if (step === undefined) return cut(`${label} … ${time}`, room);
  const counts =
    step.total === undefined ? amount(step, step.done) : `${amount(step, step.done)}/${amount(step, step.total)}`;
  const bar = step.total === undefined ? [] : [drawBar(step.done, step.total)];
  const rate = rateOf(step, seconds);
  const choices = [
    [label, ...bar, counts, ...rate, time, step.detail ?? ''],
    [label, ...bar, counts, ...rate, time],
    [label, ...bar, counts, time],
    [label, counts, time],
    [label, counts],
  ].map((parts) => parts.filter((part) => part !== '').join(gap));
  return choices.find((line) => Array.from(line).length <= room) ?? cut(choices.at(-1) ?? '', room);
}

/** More done than there is, as when the total was a guess, fills the bar and no more; nothing to do is done. */
function drawBar(done: number, total: number): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 1;
  const filled = Math.floor(share * barWidth);
  return `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}]`;
}

function amount({ unit }: Step, value: number): string {
  return unit === 'bytes' ? formatBytes(value) : String(value);
}

/** None before a second has passed: it would jump. */
function rateOf({ done, unit }: Step, seconds: number): readonly string[] {
  if (seconds < 1) return [];
  const rate = done / seconds;
  return [unit === 'bytes' ? `${formatBytes(Math.round(rate))}/s` : `${rate.toFixed(1)}/s`];
}

function cut(line: string, room: number): string {
  return Array.from(line).slice(0, room).join('');
}
