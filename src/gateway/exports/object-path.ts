/** Which published object a URL names. */
import { isCopyName, isFilenameRoot } from '../../domain/export/file-name.ts';

/** What is published under a root of an export or a mirror. */
export type PublishedObject =
  | { readonly kind: 'index' | 'keys'; readonly filenameRoot: string }
  | { readonly kind: 'file'; readonly filenameRoot: string; readonly file: string };

/** URL prefix of everything published. */
export const exportsPrefix = '/exports/';

/**
 * Reads the path of a request as it came: roots and files need no encoding, so whatever is encoded is no object.
 * What neither an export nor a mirror can have is not asked for.
 * @param url path and query
 */
export function parseObjectPath(url: string): PublishedObject | undefined {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  const slash = path.lastIndexOf('/');
  if (!path.startsWith(exportsPrefix) || slash < exportsPrefix.length) return undefined;
  const filenameRoot = path.slice(exportsPrefix.length, slash);
  const file = path.slice(slash + 1);
  if (!isFilenameRoot(filenameRoot)) return undefined;
  if (file === 'index.txt') return { kind: 'index', filenameRoot };
  if (file === 'keys.json') return { kind: 'keys', filenameRoot };
  return isCopyName(file) ? { kind: 'file', filenameRoot, file } : undefined;
}
