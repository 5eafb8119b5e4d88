/** The key manager that the environment means. */
import { join } from 'node:path';
import { readValues, type Values } from '../platform/config/load.ts';
import type { KeyManager } from '../platform/key-manager/key-manager.ts';
import { openKeyManager } from '../platform/key-manager/open.ts';
import type { Io } from './io.ts';

/** Reads the environment and opens its key manager. */
export async function keyManagerOf(io: Io): Promise<KeyManager> {
  return keyManagerFrom(await readValues(io.env, false));
}

/** Opens the key manager; filesystem keys lie in `keys` under the data directory. */
export function keyManagerFrom(values: Values): KeyManager {
  return openKeyManager({ kind: values.ENMESH_KEY_MANAGER, dir: join(values.ENMESH_DATA_DIR ?? '.enmesh', 'keys') });
}
