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

const filePattern = /^\d{1,12}-\d{1,12}-\d{5,9}\.zip$/;

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

/** Whether it can be the last segment of a name that {@link fileName} makes. */
export function isFileName(segment: string): boolean {
  return filePattern.test(segment);
}

function unixSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
