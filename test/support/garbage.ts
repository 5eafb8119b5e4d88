/** Garbage is collected when a test says so, so that it can see what is kept. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** How many of these are still kept by somebody. */
export function keptOf(objects: readonly WeakRef<object>[]): number {
  collect();
  return objects.filter((object) => object.deref() !== undefined).length;
}
