import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { Database } from '../../../src/storage/database.ts';
import { makeKeys } from '../../support/phone.ts';
import { makePublisher, now, refusalOf, type Publisher } from './publisher.ts';

class CountingDatabase extends Database {
  count = 0;

  override async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig | string, values?: unknown[]) {
    this.count++;
    return await super.query<Row>(query, values);
  }

  override withClient(): Promise<never> {
    throw new Error('a publish needs no transaction of several round trips');
  }
}

/** Publishes, and counts what it took after caches were filled. */
async function counter(publisher: Publisher) {
  const database = new CountingDatabase(
    { url: publisher.url, poolSize: 1, applicationName: 'test', statementTimeoutMs: 30_000 },
    () => undefined,
  );
  await publisher.publish(publisher.body());
  const publish = publisher.replica({}, database);
  await publish(publisher.body());
  const countOf = async (work: (send: typeof publish) => Promise<unknown>) => {
    database.count = 0;
    await work(publish);
    return database.count;
  };
  return { countOf, publish, [Symbol.asyncDispose]: () => database.stop() };
}

describe('round trips to the database', () => {
  it('are one for new keys, however many, and two for a repetition', async () => {
    await using publisher = await makePublisher();
    await using counted = await counter(publisher);
    const body = publisher.body({ keys: makeKeys(now, 14) });
    expect(await counted.countOf((publish) => publish(body))).toBe(1);
    expect(await counted.countOf((publish) => publish(body))).toBe(2);
  });

  it('are two for a revision, and for known keys without a token', async () => {
    await using publisher = await makePublisher();
    await using counted = await counter(publisher);
    const keys = makeKeys(now, 14);
    const { revisionToken } = await counted.publish(publisher.body({ keys, reportType: 'likely' }));
    const bare = publisher.body({ keys });
    expect(await counted.countOf((publish) => refusalOf(publish(bare)))).toBe(2);
    expect(await counted.countOf((publish) => publish(publisher.body({ keys, revisionToken })))).toBe(2);
  });

  it('are none for what is refused before', async () => {
    await using publisher = await makePublisher();
    await using counted = await counter(publisher);
    const body = { ...publisher.body(), hmacKey: '' };
    expect(await counted.countOf((publish) => refusalOf(publish(body)))).toBe(0);
  });
});
