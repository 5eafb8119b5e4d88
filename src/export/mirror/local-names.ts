/** What copies are called. */
import { createHash } from 'node:crypto';
import { isCopyName } from '../../domain/export/file-name.ts';

/** Characters of SHA-256 in hex: enough that no two folders of an authority ever meet. */
const hashLength = 12;

/**
 * The last part of each path, as the other authority calls the file. Where two folders hold files of the same name, the later
 * one gets a part of its path's hash behind it, so that it keeps its name whatever comes and goes; a name that is not for
 * every store and URL becomes such a hash.
 * @param taken names that are given already
 * @returns one name a path, in their order
 */
export function localNames(paths: readonly string[], taken: Iterable<string>): string[] {
  const names = new Set(taken);
  return paths.map((path) => {
    const last = path.slice(path.lastIndexOf('/') + 1);
    const isTaken = names.has(last);
    const name = isTaken || !isCopyName(last) ? hashedName(last, path) : last;
    names.add(name);
    return name;
  });
}

function hashedName(last: string, path: string): string {
  const hash = createHash('sha256').update(path).digest('hex').slice(0, hashLength);
  const name = last.replace(/\.zip$/, `-${hash}.zip`);
  return isCopyName(name) ? name : `${hash}.zip`;
}
