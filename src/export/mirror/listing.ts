/** What a reading of another authority's index comes to. */
import type { ListedFiles } from '../../domain/import/listed-files.ts';
import type { Listing, MirrorFile } from '../../storage/mirrors/mirror-files.ts';
import { localNames } from './local-names.ts';

const refusal = 'lines of the index that name no zip below the base URL';

/** What is known before the reading. */
export interface KnownFiles {
  /** In the order of the last reading. */
  readonly files: readonly MirrorFile[];
  /** The last reading listed none of the copies. */
  readonly hadAllVanished: boolean;
}

/**
 * Files that the index no longer has leave at once, but for one case: an index that lists none of our copies may be an accident of
 * the other side, so it is believed only when it is read so a second time. Until then our copies stay listed, before what is
 * new.
 */
export function decideListing({ files, hadAllVanished }: KnownFiles, index: ListedFiles): Listing {
  const listed = files.filter(({ position }) => position !== null);
  const copies = listed.filter(({ isCopied }) => isCopied);
  const wanted = new Set(index.names);
  const allVanished = copies.length > 0 && !copies.some(({ path }) => wanted.has(path)) && !hadAllVanished;
  const paths = allVanished ? [...new Set([...listed.map(({ path }) => path), ...wanted])] : [...wanted];
  const names = namesOf(paths, files);
  const copied = new Set(files.filter(({ isCopied }) => isCopied).map(({ path }) => path));
  const published = paths.filter((path) => copied.has(path));
  return {
    files: paths.map((path, at) => ({ path, name: names[at]! })),
    allVanished,
    refusedLines: index.refusedLines,
    firstRefusal: index.refusedLines === 0 ? null : `${refusal}: ${String(index.refusedLines)}`,
    isIndexOutdated: !isSame(
      published,
      copies.map(({ path }) => path),
    ),
  };
}

/** A file keeps its name; new ones get theirs in the index's order. */
function namesOf(paths: readonly string[], known: readonly MirrorFile[]): string[] {
  const given = new Map(known.map(({ path, name }) => [path, name]));
  const fresh = paths.filter((path) => !given.has(path));
  localNames(fresh, given.values()).forEach((name, at) => given.set(fresh[at]!, name));
  return paths.map((path) => given.get(path)!);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
