/** What another authority's index lists, and where its files are. */

/** An index, read. */
export interface ListedFiles {
  /** In the index's order, each once, without slashes before. */
  readonly names: readonly string[];
  /** Lines that name no zip. */
  readonly refusedLines: number;
}

/** Longer names than any server makes. */
const longestName = 500;

/** Reads lines as deployed importers do (reference 6.1): blank ones and white space around do not count, nor do doubled slashes. */
export function listedFiles(index: string): ListedFiles {
  const lines = index
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/\/{2,}/g, '/')
        .replace(/^\//, ''),
    )
    .filter((line) => line !== '');
  const names = lines.filter(isZipName);
  return { names: [...new Set(names)], refusedLines: lines.length - names.length };
}

/** Where the file is: its name below the base (reference 6.1), whatever the base ends with. */
export function fileUrl(baseUrl: string, name: string): string {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${name}`;
  return url.href;
}

/** No part of a name leads elsewhere: no query, no escape, no way up. */
function isZipName(line: string): boolean {
  const isPlain = line.length <= longestName && /^[\w.~!$&'()+,;=@/-]+\.zip$/.test(line);
  return isPlain && !line.split('/').some((part) => part === '.' || part === '..');
}
