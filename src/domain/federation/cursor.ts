/** A place in what is shared under one scope, as bytes that a partner keeps and gives back: Subscribe's cursor. */
import { AppError } from '../errors.ts';
import { beginning, type Position } from './position.ts';
import { scopeHash, scopeHashBytes, type SharingScope } from './scope.ts';
import { keyEvents } from './shared-key.ts';

/** First byte: how the others are to be read. */
const version = 1;
/** Version, scope, milliseconds since 1970, event; then the key, if any. */
const headBytes = 1 + scopeHashBytes + 8 + 1;
const keyBytes = 16;
/** Last millisecond that a Date holds (ECMA-262, 21.4.1.1). */
const lastTime = 8.64e15;

/** Names nothing but the last key that was sent under this scope. */
export function encodeCursor(position: Position, scope: SharingScope | null): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(version, 0);
  scopeHash(scope).copy(head, 1);
  head.writeDoubleBE(position.at.getTime(), 1 + scopeHashBytes);
  head.writeUInt8(keyEvents.indexOf(position.event), headBytes - 1);
  return position.key === null ? head : Buffer.concat([head, position.key]);
}

/**
 * Where to go on. A cursor of another scope starts over: keys that are granted since must arrive, others are known there.
 * @param cursor empty = from the beginning
 * @throws AppError invalid `invalid_cursor`
 */
export function decodeCursor(cursor: Buffer, scope: SharingScope | null): Position {
  if (cursor.length === 0) return beginning;
  const hasKey = cursor.length === headBytes + keyBytes;
  if (cursor[0] !== version || (cursor.length !== headBytes && !hasKey)) throw invalidCursor();
  const time = cursor.readDoubleBE(1 + scopeHashBytes);
  const event = keyEvents[cursor[headBytes - 1]!];
  if (event === undefined || !(time >= 0 && time <= lastTime)) throw invalidCursor();
  if (!cursor.subarray(1, 1 + scopeHashBytes).equals(scopeHash(scope))) return beginning;
  return { at: new Date(time), event, key: hasKey ? Buffer.from(cursor.subarray(headBytes)) : null };
}

/** For any cursor that we did not make. */
export function invalidCursor(): AppError {
  return new AppError('invalid', 'invalid_cursor', 'the cursor is none of ours: leave it out to begin again');
}
