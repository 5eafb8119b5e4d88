/** The key manager that the environment means. */
import { readValues, type Values } from '../platform/config/load.ts';
import type { KeyManager } from '../platform/key-manager/key-manager.ts';
import { openKeyManager } from '../platform/key-manager/open.ts';
import { keyManagerSettings } from '../platform/key-manager/settings.ts';
import type { Io } from './io.ts';

/** Reads the environment and opens its key manager. */
export async function keyManagerOf(io: Io): Promise<KeyManager> {
  return await keyManagerFrom(await readValues(io.env, false));
}

/** Opens the key manager; filesystem keys lie in `keys` under the data directory. */
export async function keyManagerFrom(values: Values): Promise<KeyManager> {
  return await openKeyManager(keyManagerSettings(values));
}
