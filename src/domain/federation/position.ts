/** Where somebody is in what an authority shares: windows in turn, in each window the events in turn, for each the keys ascending. */
import { keyEvents, type KeyEvent } from './shared-key.ts';

/** After this key's event. */
export interface Position {
  /** Start of the window that the event happened in. */
  readonly at: Date;
  readonly event: KeyEvent;
  /** 16 bytes; null = before the first key. */
  readonly key: Buffer | null;
}

/** Before everything. */
export const beginning: Position = { at: new Date(0), event: keyEvents[0], key: null };

/** Before everything that happened in the window that starts then. */
export function startOf(window: Date): Position {
  return { at: window, event: keyEvents[0], key: null };
}
