/** Knows when nobody waits for an answer any more. */
import type { ServerResponse } from 'node:http';

/** Aborted when the connection ends before the whole answer is sent. */
export function clientSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}
