/** Opens the key manager that the settings name. */
import { FilesystemKeyManager } from './filesystem.ts';
import type { KeyManager } from './key-manager.ts';

/** Which key manager, and where. */
export interface KeyManagerSettings {
  readonly kind: 'filesystem';
  /** Folder of the keys; made when the first key is. */
  readonly dir: string;
}

/** Nothing is read or made yet. */
export function openKeyManager(settings: KeyManagerSettings): KeyManager {
  return new FilesystemKeyManager(settings.dir);
}
