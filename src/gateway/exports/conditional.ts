/** What a client already has, and which part it asks for (RFC 9110, sections 13 and 14). */
import type { IncomingHttpHeaders } from 'node:http';

/** A strong validator as it stands in headers. */
export function quotedEtag(opaque: string): string {
  return `"${opaque.replaceAll('"', '')}"`;
}

/** If-None-Match names this content (weakly compared) or any. */
export function isNotModified(headers: IncomingHttpHeaders, etag: string): boolean {
  const known = headers['if-none-match'];
  if (known === undefined) return false;
  return known.trim() === '*' || known.split(',').some((entry) => entry.trim().replace(/^W\//, '') === etag);
}

/** Consecutive bytes of a file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** How a GET of a file is to be answered. */
export type FilePlan =
  | { readonly status: 200 | 206; readonly range: ByteRange }
  | { readonly status: 304 | 416; readonly range?: undefined };

/** Decides from the headers; a range that cannot be understood, or several, means the whole file. */
export function planFile(
  headers: IncomingHttpHeaders,
  file: { readonly size: number; readonly etag: string },
): FilePlan {
  if (isNotModified(headers, file.etag)) return { status: 304 };
  const ifRange = headers['if-range'];
  const isSame = ifRange === undefined || ifRange === file.etag;
  const range = isSame ? parseRange(headers.range, file.size) : undefined;
  if (range === undefined) return { status: 200, range: { offset: 0, length: file.size } };
  return range === 'unsatisfiable' ? { status: 416 } : { status: 206, range };
}

function parseRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  if (from >= size || (first === '' && Number(last) === 0)) return 'unsatisfiable';
  return { offset: from, length: to - from + 1 };
}
