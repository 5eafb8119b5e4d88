/** A place in one of Fetch's two lists, in the fields that deployed partners keep and give back (reference 5.1, 5.3). */
import { invalidCursor } from './cursor.ts';
import { beginning, startOf, type Position } from './position.ts';
import { keyEvents } from './shared-key.ts';

/** As on the wire. */
export interface FetchCursor {
  /** Seconds since 1970 of a window's start. */
  readonly timestamp: bigint;
  /** What was the last in that window; empty = nothing was. */
  readonly nextToken: string;
}

/** What deployed partners send for a time that is not set: the first second of year 1 (reference 5.5). */
const unsetTimestamp = -62_135_596_800n;
/** Last second that a Date holds: beyond it there is nothing either. */
const lastTimestamp = 8_640_000_000_000n;
/** Event and key. */
const tokenBytes = 17;

/** What to give. */
export function toFetchCursor({ at, event, key }: Position): FetchCursor {
  const timestamp = BigInt(at.getTime() / 1000);
  if (key === null) return { timestamp, nextToken: '' };
  return { timestamp, nextToken: Buffer.from([keyEvents.indexOf(event), ...key]).toString('base64url') };
}

/**
 * Where to go on. Not set, or a time that no window has (zero, or the year 1 and the second after it, which a deployed
 * server counts on from) = from the beginning.
 * @throws AppError invalid `invalid_cursor`
 */
export function fromFetchCursor(cursor: FetchCursor | undefined): Position {
  if (cursor === undefined) return beginning;
  const { timestamp, nextToken } = cursor;
  if (timestamp < unsetTimestamp) throw invalidCursor();
  const last = nextToken === '' ? undefined : lastOf(nextToken);
  if (timestamp <= 0n) return beginning;
  const at = new Date(Number(timestamp < lastTimestamp ? timestamp : lastTimestamp) * 1000);
  return last === undefined ? startOf(at) : { at, ...last };
}

function lastOf(nextToken: string): Omit<Position, 'at'> {
  const bytes = /^[A-Za-z0-9_-]{23}$/.test(nextToken) ? Buffer.from(nextToken, 'base64url') : undefined;
  const event = keyEvents[bytes?.[0] ?? keyEvents.length];
  if (bytes?.length !== tokenBytes || event === undefined) throw invalidCursor();
  return { event, key: bytes.subarray(1) };
}
