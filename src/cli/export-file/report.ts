/** Reports of verified files, for people. */
import { count, formatTime } from '../table.ts';
import type { FileReport, FileSummary } from './verify.ts';

/** `ok` or `FAULT`, the file, what it holds; then a line for each fault. */
export function formatReport({ file, faults, summary }: FileReport): string {
  const head = `${faults.length === 0 ? 'ok   ' : 'FAULT'} ${file}`;
  const lines = summary === null ? [head] : [`${head}: ${describe(summary)}`];
  return [...lines, ...faults.map((fault) => `      ${fault}`)].map((line) => `${line}\n`).join('');
}

/** What was verified in all files, and how many have faults. */
export function formatTotal(reports: readonly FileReport[]): string {
  const bad = reports.filter(({ faults }) => faults.length > 0).length;
  const content = [
    count(reports.length, 'file'),
    count(sum(reports, 'keys'), 'key'),
    count(sum(reports, 'revisedKeys'), 'revised key'),
  ].join(', ');
  return `${content}: ${bad === 0 ? 'no faults' : `faults in ${count(bad, 'file')}`}\n`;
}

function describe(summary: FileSummary): string {
  const signatures = summary.signatures.map(
    ({ keyId, keyVersion, verdict }) => `${keyId}/${keyVersion} ${verdictText[verdict]}`,
  );
  return [
    count(summary.keys, 'key'),
    count(summary.revisedKeys, 'revised key'),
    `${time(summary.start)} to ${time(summary.end)}`,
    summary.region,
    `signed by ${signatures.join(' and ') || 'nobody'}`,
  ].join(', ');
}

const verdictText = { verified: '(verified)', wrong: '(wrong)', unknown: '(key not given)' } as const;

function time(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  return Number.isNaN(date.getTime()) ? String(unixSeconds) : formatTime(date);
}

function sum(reports: readonly FileReport[], what: 'keys' | 'revisedKeys'): number {
  return reports.reduce((total, { summary }) => total + (summary?.[what] ?? 0), 0);
}
