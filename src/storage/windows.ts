/** Windows of time: what is closed is never written again, and readers read nothing else. */
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../domain/errors.ts';
import { databaseTime } from './database-time.ts';
import type { Database, Queryable } from './database.ts';

/** How far windows are closed, and how long they are. */
export interface WindowState {
  readonly truncateSeconds: number;
  /** No key will ever be written before this time. */
  readonly closedThrough: Date;
}

/** Reads the state. */
export async function readWindowState(database: Queryable): Promise<WindowState> {
  const { rows } = await database.query<{ truncate_seconds: number; closed_through: Date }>(
    'select truncate_seconds, closed_through from window_state',
  );
  const row = rows[0];
  if (!row) throw new AppError('internal', 'internal_error', 'the database has no window state; run enmesh migrate');
  return { truncateSeconds: row.truncate_seconds, closedThrough: row.closed_through };
}

/** Takes the transaction into the present window, which stays open until it ends. @returns the window's start */
export async function enterWindow(client: Queryable, clock: Clock): Promise<Date> {
  const { rows } = await client.query<{ start: Date }>('select enter_window($1) as start', [clock.forDatabase()]);
  return rows[0]!.start;
}

/** Makes windows so long from now on; waits for running publishes, because the lock of a window depends on its length. */
export async function setTruncateWindow(database: Database, seconds: number): Promise<void> {
  const state = await readWindowState(database);
  if (state.truncateSeconds === seconds) return;
  await database.transaction(async (client) => {
    await client.query('lock table window_state in access exclusive mode');
    await client.query('update window_state set truncate_seconds = $1', [seconds]);
  });
}

/**
 * Closes every window that has ended, each after the last transaction that writes in it.
 * @returns the time before which everything is closed
 */
export async function closeWindows(database: Queryable, clock: Clock): Promise<Date> {
  const now = clock.forDatabase();
  let closedThrough = await closeSomeWindows(database, now);
  for (;;) {
    const further = await closeSomeWindows(database, now);
    if (further.getTime() === closedThrough.getTime()) return further;
    closedThrough = further;
  }
}

/** The time before which everything is closed, now: closes windows that have ended, and asks for no lock while none has. */
export async function closedThrough({
  database,
  clock,
}: {
  readonly database: Queryable;
  readonly clock: Clock;
}): Promise<Date> {
  const [state, now] = await Promise.all([readWindowState(database), databaseTime(database, clock)]);
  const isCurrent = now.getTime() < state.closedThrough.getTime() + state.truncateSeconds * 1000;
  return isCurrent ? state.closedThrough : await closeWindows(database, clock);
}

async function closeSomeWindows(database: Queryable, now: Date | null): Promise<Date> {
  const { rows } = await database.query<{ closed_through: Date }>('select close_windows($1) as closed_through', [now]);
  const row = rows[0];
  if (!row) throw new AppError('internal', 'internal_error', 'the database has no window state; run enmesh migrate');
  return row.closed_through;
}
