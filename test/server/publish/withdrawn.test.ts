/** Withdrawn keys, and keys that were deleted for their age: no publish brings them back, whichever way it is written. */
import { describe, expect, it } from 'vitest';
import { cleanUp, type CleanupCounts } from '../../../src/server/operations/cleanup.ts';
import { openFilesystemBlobStore } from '../../../src/storage/blob/filesystem.ts';
import { temporaryFolder } from '../../support/export-file.ts';
import { makeKeys, type PhoneKey } from '../../support/phone.ts';
import { openPool } from '../../support/postgres.ts';
import { countTombstones, maxIntervalAgeSeconds, withdrawDeps, withdrawSampleApp } from '../../support/withdrawal.ts';
import { makePublisher, now, refusalOf, storedRows, type Publisher } from './publisher.ts';

const day = 86_400;

/** One key of the past, which is in the present window, and one that is still valid, which is kept back. */
function pastAndPresent(): PhoneKey[] {
  const [past] = makeKeys(now, 1);
  return [past!, { ...makeKeys(now, 1)[0]!, rollingStartNumber: past!.rollingStartNumber + 144 }];
}

async function codeOf(publisher: Publisher, keys: PhoneKey[], change: object = {}): Promise<string> {
  return (await refusalOf(publisher.publish(publisher.body({ keys, ...change })))).code;
}

/** The clean-up of the publisher's installation. */
async function openCleaner(publisher: Publisher): Promise<{ run(): Promise<CleanupCounts> } & AsyncDisposable> {
  const folder = await temporaryFolder();
  const blobStore = await openFilesystemBlobStore(folder.path);
  const settings = { retentionSeconds: 14 * day, maxIntervalAgeSeconds };
  return {
    run: () => cleanUp({ ...withdrawDeps(publisher), blobStore, settings }, new AbortController().signal),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe('keys that were withdrawn before they were published', () => {
  it('are deleted, be they of the present window or kept back, and leave tombstones', async () => {
    await using publisher = await makePublisher();
    await publisher.publish(publisher.body({ keys: pastAndPresent() }));
    expect(await withdrawSampleApp(publisher)).toMatchObject({ withdrawn: 0, deleted: 2 });
    expect(await storedRows(publisher.database)).toEqual([]);
    expect(await countTombstones(publisher.database)).toBe(2);
  });

  it('are refused as known ones without a token, and as revised ones with it', async () => {
    await using publisher = await makePublisher();
    const keys = pastAndPresent();
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    await withdrawSampleApp(publisher);
    expect(await codeOf(publisher, keys)).toBe('missing_revision_token');
    for (const reportType of ['likely', 'confirmed', 'negative', 'user-report']) {
      expect(await codeOf(publisher, keys, { reportType, revisionToken })).toBe('key_already_revised');
    }
    expect(await storedRows(publisher.database)).toEqual([]);
  });

  it('are refused with the new keys beside them, also when those of others are written together with them', async () => {
    await using publisher = await makePublisher();
    const [dead] = makeKeys(now, 1);
    await publisher.publish(publisher.body({ keys: [dead!] }));
    await withdrawSampleApp(publisher);
    const mixed = publisher.publish(publisher.body({ keys: [...makeKeys(now, 2), dead!] }));
    const others = Array.from({ length: 5 }, () => publisher.publish(publisher.body()));
    expect(await refusalOf(mixed)).toMatchObject({ kind: 'invalid', code: 'missing_revision_token' });
    expect((await Promise.all(others)).map(({ inserted }) => inserted)).toEqual([3, 3, 3, 3, 3]);
    expect(await storedRows(publisher.database)).toHaveLength(15);
  });

  it('are refused beside a revision that could be made', async () => {
    await using publisher = await makePublisher();
    const [dead, alive] = makeKeys(now, 2);
    const first = await publisher.publish(publisher.body({ keys: [dead!], reportType: 'likely' }));
    await withdrawSampleApp(publisher);
    const options = { keys: [alive!], reportType: 'likely', revisionToken: first.revisionToken };
    const { revisionToken } = await publisher.publish(publisher.body(options));
    expect(await codeOf(publisher, [alive!, dead!], { revisionToken })).toBe('key_already_revised');
    expect((await storedRows(publisher.database)).map(({ revised_at }) => revised_at)).toEqual([null]);
  });

  it('are refused where an app needs no token', async () => {
    await using publisher = await makePublisher({ bypassRevisionToken: true });
    const keys = makeKeys(now, 2);
    await publisher.publish(publisher.body({ keys }));
    await withdrawSampleApp(publisher);
    expect(await codeOf(publisher, keys)).toBe('key_already_revised');
  });

  it('leave a repeated request what it was answered, and write nothing for it', async () => {
    await using publisher = await makePublisher();
    const body = publisher.body();
    await publisher.publish(body);
    await withdrawSampleApp(publisher);
    expect(await publisher.publish(body)).toMatchObject({ inserted: 3, faults: [] });
    expect(await storedRows(publisher.database)).toEqual([]);
  });
});

describe('keys that were withdrawn after they were published', () => {
  it('stay as they were, go out again in the present window and can never be revised', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 2);
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    const before = await storedRows(publisher.database);
    publisher.clock.advance(3_600_000);
    expect(await withdrawSampleApp(publisher)).toMatchObject({ withdrawn: 2, deleted: 0 });
    const withdrawn_at = new Date('2026-03-15T14:00:00Z');
    expect(await storedRows(publisher.database)).toEqual(before.map((row) => ({ ...row, withdrawn_at })));
    expect(await countTombstones(publisher.database)).toBe(0);
    expect(await codeOf(publisher, keys)).toBe('missing_revision_token');
    expect(await codeOf(publisher, keys, { revisionToken })).toBe('key_already_revised');
    expect(await codeOf(publisher, keys, { reportType: 'likely', revisionToken })).toBe('key_already_revised');
    expect(await storedRows(publisher.database)).toEqual(before.map((row) => ({ ...row, withdrawn_at })));
  });

  it('may have been revised before, also later in the same window', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 1);
    const { revisionToken } = await publisher.publish(publisher.body({ keys, reportType: 'likely' }));
    publisher.clock.advance(3_600_000);
    await publisher.publish(publisher.body({ keys, revisionToken }));
    expect(await withdrawSampleApp(publisher)).toMatchObject({ withdrawn: 1, deleted: 0 });
    const window = new Date('2026-03-15T14:00:00Z');
    expect(await storedRows(publisher.database)).toMatchObject([{ revised_at: window, withdrawn_at: window }]);
  });

  it('go out no earlier than a revision that a faster transaction made in a later window', async () => {
    await using publisher = await makePublisher();
    await publisher.publish(publisher.body());
    const later = new Date('2026-03-15T16:00:00Z');
    await publisher.database.query('update exposures set revised_at = $1, revised_report_type = 1', [later]);
    publisher.clock.advance(3_600_000);
    await withdrawSampleApp(publisher);
    const rows = (await storedRows(publisher.database)) as (object & { withdrawn_at?: Date })[];
    expect(rows.map(({ withdrawn_at }) => withdrawn_at)).toEqual([later, later, later]);
  });
});

describe('a withdrawal beside publishes', () => {
  it('leaves every key as it was accepted or withdrawn, whoever comes first, and nobody waits in a circle', async () => {
    await using publisher = await makePublisher();
    const bodies = Array.from({ length: 40 }, () => publisher.body({ keys: makeKeys(now, 10) }));
    const rivals = bodies.map(({ temporaryExposureKeys: keys }) => publisher.body({ keys: keys.toReversed() }));
    const run = async () => {
      await using pool = openPool(publisher.url);
      const publish = publisher.replica({}, pool.database);
      const first = bodies.map((body) => publish(body));
      const settled = Promise.allSettled(first);
      await Promise.race(first);
      const second = Promise.allSettled(rivals.map((body) => publish(body)));
      const withdrawals = Promise.all([1, 2, 3].map(() => withdrawSampleApp({ ...publisher, ...pool })));
      return { first: await settled, second: await second, withdrawals: await withdrawals };
    };
    const { first, second, withdrawals } = await run();
    const winners = first.map((each, index) => [each, second[index]!].filter(({ status }) => status === 'fulfilled'));
    expect(winners.map(({ length }) => length)).toEqual(bodies.map(() => 1));
    const deleted = withdrawals.reduce((sum, each) => sum + each.deleted, 0);
    expect(deleted).toBeGreaterThan(0);
    expect(await countTombstones(publisher.database)).toBe(deleted);
    expect(await storedRows(publisher.database)).toHaveLength(400 - deleted);
    const { rows } = await publisher.database.query<{ deadlocks: string }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    );
    expect(rows).toEqual([{ deadlocks: '0' }]);
  });

  it('refuses a key that a publish sends while its row is being deleted', async () => {
    await using publisher = await makePublisher();
    const keys = makeKeys(now, 1);
    await publisher.publish(publisher.body({ keys }));
    const again = await publisher.database.transaction(async (client) => {
      await client.query(
        `with gone as (delete from exposures returning key)
         insert into tombstones select tombstone_hash(secret, key), 'infinity' from gone, tombstone_secret`,
      );
      const sent = codeOf(publisher, keys);
      for (;;) {
        const { rowCount } = await publisher.database.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        if (rowCount === 1) return { sent };
      }
    });
    expect(await again.sent).toBe('missing_revision_token');
    expect(await storedRows(publisher.database)).toEqual([]);
  });
});

describe('a key that was deleted for its age', () => {
  it('is refused until it is too old to be published, and its tombstone goes then', async () => {
    await using publisher = await makePublisher();
    const { clock, database } = publisher;
    const [key] = makeKeys(now, 1);
    await publisher.publish(publisher.body({ keys: [key!] }));
    await using cleaner = await openCleaner(publisher);
    const end = new Date((key!.rollingStartNumber + 144) * 600_000).getTime();
    const tooOldAt = end + maxIntervalAgeSeconds * 1000 + 600_000;

    clock.set(new Date(tooOldAt - 1));
    expect(await cleaner.run()).toMatchObject({ exposures: 1, tombstones: 0 });
    expect(await storedRows(database)).toEqual([]);
    expect(await codeOf(publisher, [key!])).toBe('missing_revision_token');
    expect(await cleaner.run()).toMatchObject({ tombstones: 0 });

    clock.set(new Date(tooOldAt + 1));
    expect(await cleaner.run()).toMatchObject({ tombstones: 1 });
    expect(await codeOf(publisher, [key!])).toBe('bad_request');
    expect(await countTombstones(database)).toBe(0);
  });

  it('leaves no tombstone when it is too old by then', async () => {
    await using publisher = await makePublisher();
    const [key] = makeKeys(now, 1);
    await publisher.publish(publisher.body({ keys: [key!] }));
    publisher.clock.advance(30 * day * 1000);
    await using cleaner = await openCleaner(publisher);
    expect(await cleaner.run()).toMatchObject({ exposures: 1 });
    expect(await countTombstones(publisher.database)).toBe(0);
  });
});
