/** Names of published objects. */

/** What a file's name is made of. */
export interface FileNameParts {
  readonly filenameRoot: string;
  readonly windowStart: Date;
  readonly windowEnd: Date;
  /** Counts how often the batch was built again: added to both times, so that no name is used twice. */
  readonly revision: number;
  /** Position among the batch's files, from 1. */
  readonly number: number;
}

const mostRootLength = 200;
const rootPattern = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/;
const filePattern = /^\d{1,12}-\d{1,12}-\d{5,9}\.zip$/;
const copyPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\.zip$/;
const objectPattern = /^(.+)\/(\d{1,12})-(\d{1,12})-(\d{5,9})\.zip$/;

/** `<root>/<start>-<end>-<number>.zip`, Unix seconds, number in five digits (reference 3.4). */
export function fileName({ filenameRoot, windowStart, windowEnd, revision, number }: FileNameParts): string {
  const start = unixSeconds(windowStart) + revision;
  const end = unixSeconds(windowEnd) + revision;
  return `${filenameRoot}/${start}-${end}-${String(number).padStart(5, '0')}.zip`;
}

/** `<root>/index.txt` (reference 3.5). */
export function indexName(filenameRoot: string): string {
  return `${filenameRoot}/index.txt`;
}

/** Whether an export may have it: parts of letters, digits, dots, dashes and underscores, none of which leads elsewhere. */
export function isFilenameRoot(value: string): boolean {
  if (value.length > mostRootLength || !rootPattern.test(value) || value.includes('..')) return false;
  return value.split('/').every((part) => part !== '' && part !== '.');
}

/** Whether it can be the last segment of a name that {@link fileName} makes. */
export function isFileName(segment: string): boolean {
  return filePattern.test(segment);
}

/** Whether a mirror's copy can have it, as any file can: what every store, URL and index takes as it is. */
export function isCopyName(segment: string): boolean {
  return copyPattern.test(segment);
}

/** The parts of a name that {@link fileName} made, its revision still in both times; undefined for any other. */
export function parseFileName(
  name: string,
): { readonly filenameRoot: string; readonly start: Date; readonly end: Date; readonly number: number } | undefined {
  const [, filenameRoot, start, end, number] = objectPattern.exec(name) ?? [];
  if (filenameRoot === undefined) return undefined;
  const time = (seconds: string | undefined): Date => new Date(Number(seconds) * 1000);
  return { filenameRoot, start: time(start), end: time(end), number: Number(number) };
}

function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
