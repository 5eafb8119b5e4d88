/** Waits until a channel has a connection, and finds out why it gets none. */
import { connectivityState } from '@grpc/grpc-js';
import type { Channel } from 'nice-grpc';
import { AppError } from '../../domain/errors.ts';

/** Why there is no connection. */
export interface Explanation {
  readonly error: AppError;
  /** It does not help to wait a little. */
  readonly isLasting: boolean;
}

/** Looks for the reason; undefined = none was found. */
export type Explain = () => Promise<Explanation | undefined>;

/** True when calls can be made; asks for a connection otherwise. */
export function isConnected(channel: Channel): boolean {
  return channel.getConnectivityState(true) === connectivityState.READY;
}

/**
 * Resolves when there is one. What is explained as lasting is not waited for.
 * @throws AppError what explains it, or unavailable `unavailable`
 */
export async function connected(channel: Channel, waitMs: number, explain?: Explain): Promise<void> {
  const until = new Date(Date.now() + waitMs);
  let isExplained = false;
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    if (state === connectivityState.SHUTDOWN) throw unreachable();
    if (state === connectivityState.TRANSIENT_FAILURE && !isExplained) {
      isExplained = true;
      const explanation = await explain?.();
      if (explanation?.isLasting) throw explanation.error;
    } else if (!(await changes(channel, state, until))) {
      throw (await explain?.())?.error ?? unreachable();
    }
  }
}

/** @returns false when the time is over */
async function changes(channel: Channel, state: connectivityState, until: Date): Promise<boolean> {
  return await new Promise((resolve) => {
    channel.watchConnectivityState(state, until, (error) => {
      resolve(error === undefined);
    });
  });
}

function unreachable(): AppError {
  return new AppError('unavailable', 'unavailable', 'the called server cannot be reached; try again later');
}
