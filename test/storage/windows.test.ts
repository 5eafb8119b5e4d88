import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { closeWindows, readWindowState, setTruncateWindow } from '../../src/storage/windows.ts';
import type { Database } from '../../src/storage/database.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { makePublisher, storedRows } from '../server/publish/publisher.ts';

const now = new Date('2026-03-15T13:47:30Z');

/** Resolves when some statement waits for a lock of the given kind. */
async function untilSomebodyWaits(database: Database, event: string): Promise<void> {
  for (;;) {
    const { rowCount } = await database.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and wait_event = $1`,
      [event],
    );
    if ((rowCount ?? 0) > 0) return;
  }
}

describe('closing windows', () => {
  it('closes what has ended, once', async () => {
    await using test = await createTestDatabase({ now });
    const clock = new ManualClock(now);
    expect(await closeWindows(test.database, clock)).toEqual(new Date('2026-03-15T13:00:00Z'));
    clock.set(new Date('2026-03-15T13:59:59Z'));
    expect(await closeWindows(test.database, clock)).toEqual(new Date('2026-03-15T13:00:00Z'));
    clock.set(new Date('2026-03-15T14:00:00Z'));
    expect(await closeWindows(test.database, clock)).toEqual(new Date('2026-03-15T14:00:00Z'));
  });

  it('catches up over any number of windows', async () => {
    await using test = await createTestDatabase({ now });
    await setTruncateWindow(test.database, 60);
    const later = new ManualClock(new Date('2026-03-16T13:47:30Z'));
    expect(await closeWindows(test.database, later)).toEqual(new Date('2026-03-16T13:47:00Z'));
  });

  it('never opens again when the clock goes back', async () => {
    await using test = await createTestDatabase({ now });
    await closeWindows(test.database, new ManualClock(now));
    const earlier = new ManualClock(new Date('2026-03-15T09:00:00Z'));
    expect(await closeWindows(test.database, earlier)).toEqual(new Date('2026-03-15T13:00:00Z'));
  });

  it('waits for a transaction that is inside the window', async () => {
    await using test = await createTestDatabase({ now });
    const { database } = test;
    const clock = new ManualClock(new Date('2026-03-15T14:00:00Z'));
    let isInside = true;
    const closing = await database.transaction(async (client) => {
      await client.query('select enter_window($1)', [now]);
      const promise = closeWindows(database, clock).then((through) => ({ through, wasInside: isInside }));
      await untilSomebodyWaits(database, 'advisory');
      expect((await readWindowState(database)).closedThrough).toEqual(new Date('2026-03-15T12:00:00Z'));
      isInside = false;
      return { promise };
    });
    expect(await closing.promise).toEqual({ through: new Date('2026-03-15T14:00:00Z'), wasInside: false });
  });

  it('sends a publish that waited for it to the next window', async () => {
    await using publisher = await makePublisher();
    const { database, clock } = publisher;
    const closer = new ManualClock(new Date('2026-03-15T14:00:00Z'));
    // The closer holds the window while it has not committed.
    const pending = await database.transaction(async (client) => {
      await client.query('select close_windows($1)', [closer.now()]);
      const publish = publisher.publish(publisher.body());
      await untilSomebodyWaits(database, 'advisory');
      return { publish };
    });
    expect(await pending.publish).toMatchObject({ inserted: 3 });
    expect(clock.now()).toEqual(now);
    const rows = await storedRows(database);
    expect(rows.map((row) => row.created_at)).toEqual(Array(3).fill(new Date('2026-03-15T14:00:00Z')));
  });

  it('gives a publish after it the next window, even if its clock is behind', async () => {
    await using publisher = await makePublisher();
    await closeWindows(publisher.database, new ManualClock(new Date('2026-03-15T15:10:00Z')));
    await publisher.publish(publisher.body());
    const [row] = await storedRows(publisher.database);
    expect(row?.created_at).toEqual(new Date('2026-03-15T15:00:00Z'));
  });
});

describe('the length of windows', () => {
  it('is set for all, and setting it again changes nothing', async () => {
    await using test = await createTestDatabase({ now });
    await setTruncateWindow(test.database, 300);
    await setTruncateWindow(test.database, 300);
    expect(await readWindowState(test.database)).toEqual({
      truncateSeconds: 300,
      closedThrough: new Date('2026-03-15T12:00:00Z'),
    });
  });

  it('changes only when no transaction is inside a window', async () => {
    await using test = await createTestDatabase({ now });
    const { database } = test;
    let isInside = true;
    const setting = await database.transaction(async (client) => {
      await client.query('select enter_window($1)', [now]);
      const promise = setTruncateWindow(database, 300).then(() => isInside);
      await untilSomebodyWaits(database, 'relation');
      isInside = false;
      return { promise };
    });
    expect(await setting.promise).toBe(false);
  });

  it('decides where a publish goes and how long a valid key is held back', async () => {
    await using publisher = await makePublisher({ settings: { truncateSeconds: 300 } });
    await setTruncateWindow(publisher.database, 300);
    const [key] = publisher.body().temporaryExposureKeys;
    const midnight = Math.floor(now.getTime() / 86_400_000) * 144;
    const current = Math.floor(now.getTime() / 600_000);
    const valid = { key: Buffer.alloc(16, 7).toString('base64'), rollingStartNumber: midnight };
    const keys = [key!, { ...valid, rollingPeriod: current + 1 - midnight }];
    await publisher.publish(publisher.body({ keys }));
    expect((await storedRows(publisher.database)).map((row) => row.created_at)).toEqual([
      new Date('2026-03-15T13:45:00Z'),
      new Date('2026-03-15T13:55:00Z'),
    ]);
  });
});
