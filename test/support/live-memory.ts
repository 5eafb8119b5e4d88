/** Memory that is in use, without what the collector has yet to come to. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of all buffers that are still referred to. */
export async function liveBufferBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What callbacks still hold is let go with the turn; the second run ends what the first began in the background.
  await nextTurn();
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}
