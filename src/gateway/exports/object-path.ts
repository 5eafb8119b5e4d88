/** Which published object a URL names. */

/** What is published under an export's root. */
export type PublishedObject =
  | { readonly kind: 'index' | 'keys'; readonly filenameRoot: string }
  | { readonly kind: 'file'; readonly filenameRoot: string; readonly file: string };

/** URL prefix of everything published. */
export const exportsPrefix = '/exports/';

/** As `apply` allows them in a root: nothing that is encoded, empty or leads elsewhere. */
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

/**
 * Reads the path of a request as it came: roots and files need no encoding, so whatever is encoded is no object.
 * @param url path and query
 */
export function parseObjectPath(url: string): PublishedObject | undefined {
  const [path = ''] = url.split('?', 1);
  if (!path.startsWith(exportsPrefix)) return undefined;
  const segments = path.slice(exportsPrefix.length).split('/');
  if (segments.length < 2 || !segments.every((part) => segment.test(part))) return undefined;
  const file = segments.at(-1) ?? '';
  const filenameRoot = segments.slice(0, -1).join('/');
  if (file === 'index.txt') return { kind: 'index', filenameRoot };
  if (file === 'keys.json') return { kind: 'keys', filenameRoot };
  return file.endsWith('.zip') ? { kind: 'file', filenameRoot, file } : undefined;
}
