import { describe, expect, it } from 'vitest';
import type { PublishAnswer } from '../../../src/server/publish/command.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { Database } from '../../../src/storage/database.ts';
import { makeKeys, type PhoneKey } from '../../support/phone.ts';
import { RevisionKeys } from '../../../src/server/publish/revision-keys.ts';
import { openRevisionToken, parseRevisionToken } from '../../../src/server/publish/revision-token.ts';
import { makePublisher, now, publishSettings, storedRows, type Publisher } from './publisher.ts';

const connections = 50;

/**
 * Opens all connections before anything runs on them: fifty at once take longer on a busy machine than a publish waits
 * for one, and publishes would start one after the other.
 */
async function openPool(publisher: Publisher): Promise<Database & AsyncDisposable> {
  const database = new Database(
    { url: publisher.url, poolSize: connections, applicationName: 'test', statementTimeoutMs: 30_000 },
    () => undefined,
  );
  await holdConnections(database, connections);
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.stop() });
}

async function holdConnections(database: Database, count: number): Promise<void> {
  if (count > 0) await database.withClient(() => holdConnections(database, count - 1));
}

/** Deadlocks that PostgreSQL broke up in a database, also those that were tried again; all its connections must have ended. */
async function deadlocks({ database }: Publisher): Promise<number> {
  const { rows } = await database.query<{ deadlocks: string }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  return Number(rows[0]?.deadlocks);
}

/** The keys that an answer's token lists, in hex. */
async function listedBy(publisher: Publisher, answer: PublishAnswer): Promise<string[]> {
  const keys = new RevisionKeys({ ...publisher, settings: publishSettings });
  const sealed = parseRevisionToken(answer.revisionToken)!;
  const entries = openRevisionToken(sealed, (await keys.find(sealed.kid))!, publishSettings.revisionTokenAad)!;
  return entries.map(({ key }) => key.toString('hex'));
}

interface Verdicts {
  readonly answers: PublishAnswer[];
  /** Code of every refusal. */
  readonly refusals: string[];
}

async function settle(publishes: Promise<PublishAnswer>[]): Promise<Verdicts> {
  const results = await Promise.allSettled(publishes);
  return {
    answers: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    refusals: results.flatMap(({ status, reason }: { status: string; reason?: unknown }) =>
      status === 'fulfilled' ? [] : [reason instanceof AppError ? reason.code : String(reason)],
    ),
  };
}

function sum(answers: PublishAnswer[], what: 'inserted' | 'revised'): number {
  return answers.reduce((total, answer) => total + answer[what], 0);
}

/** Another few of the keys each time, in another order. */
function share(keys: readonly PhoneKey[], turn: number): PhoneKey[] {
  const chosen = keys.filter((_, index) => (index * 7 + turn) % 5 < 2);
  return turn % 2 === 0 ? chosen : chosen.toReversed();
}

describe('decision 5: at the same time', () => {
  it('twins are all given the answer of the first one, and each key is stored once', async () => {
    await using publisher = await makePublisher();
    await using pool = await openPool(publisher);
    const publish = publisher.replica({}, pool);
    const body = publisher.body({ keys: makeKeys(now, 14) });
    const { answers, refusals } = await settle(Array.from({ length: connections }, () => publish(body)));
    expect(refusals).toEqual([]);
    expect(new Set(answers.map(({ inserted, revisionToken }) => [inserted, revisionToken.length].join())).size).toBe(1);
    expect(answers[0]?.inserted).toBe(14);
    expect(await storedRows(publisher.database)).toHaveLength(14);
  });

  it('twins that revise are all given the answer of the first one', async () => {
    await using publisher = await makePublisher();
    await using pool = await openPool(publisher);
    const publish = publisher.replica({}, pool);
    const keys = makeKeys(now, 6);
    const { revisionToken } = await publish(publisher.body({ keys: keys.slice(2), reportType: 'likely' }));
    const body = publisher.body({ keys, revisionToken });
    const { answers, refusals } = await settle(Array.from({ length: connections }, () => publish(body)));
    expect(refusals).toEqual([]);
    expect(new Set(answers.map(({ inserted }) => inserted))).toEqual(new Set([2]));
    expect(sum(answers, 'revised')).toBe(4);
  });

  it('publishes that share keys never deadlock, and every answer tells the truth', async () => {
    await using publisher = await makePublisher({ bypassRevisionToken: true });
    const pool = await openPool(publisher);
    const publish = publisher.replica({}, pool);
    const keys = makeKeys(now, 14);
    const likely = Array.from({ length: 100 }, (_, turn) =>
      publish(publisher.body({ keys: share(keys, turn), reportType: turn % 3 === 0 ? 'confirmed' : 'likely' })),
    );
    const { answers, refusals } = await settle(likely);
    await pool.stop();
    expect(await deadlocks(publisher)).toBe(0);
    // A confirmed key cannot become likely, nor can one be revised twice; nothing else may go wrong.
    const expected = new Set(['invalid_report_type_transition', 'key_already_revised']);
    expect(refusals.filter((code) => !expected.has(code))).toEqual([]);
    const rows = await storedRows(publisher.database);
    expect(sum(answers, 'inserted')).toBe(rows.length);
    expect(sum(answers, 'revised')).toBe(rows.filter((row) => row.revised_at !== null).length);
  });

  it('the loser of a race for a key is told so, and earns no token', async () => {
    await using publisher = await makePublisher();
    await using pool = await openPool(publisher);
    const publish = publisher.replica({}, pool);
    const keys = makeKeys(now, 14);
    const { answers, refusals } = await settle(
      Array.from({ length: connections }, (_, turn) => publish(publisher.body({ keys: share(keys, turn) }))),
    );
    expect(refusals.every((code) => code === 'missing_revision_token')).toBe(true);
    expect(answers.every(({ inserted }) => inserted > 0)).toBe(true);
    const tokens = await Promise.all(answers.map((answer) => listedBy(publisher, answer)));
    expect(tokens.map(({ length }) => length)).toEqual(answers.map(({ inserted }) => inserted));
    const rows = await storedRows(publisher.database);
    expect(tokens.flat().sort()).toEqual(rows.map(({ key }) => key.toString('hex')).sort());
  });

  it('revisions of one key with different certificates write one revision', async () => {
    await using publisher = await makePublisher();
    await using pool = await openPool(publisher);
    const publish = publisher.replica({}, pool);
    const keys = makeKeys(now, 5);
    const { revisionToken } = await publish(publisher.body({ keys, reportType: 'likely' }));
    const { answers, refusals } = await settle(
      Array.from({ length: connections }, (_, turn) =>
        publish(
          publisher.body({ keys: share(keys, turn), revisionToken, reportType: turn % 2 ? 'confirmed' : 'negative' }),
        ),
      ),
    );
    expect(refusals.every((code) => code === 'key_already_revised')).toBe(true);
    const rows = await storedRows(publisher.database);
    expect(sum(answers, 'revised')).toBe(rows.filter((row) => row.revised_at !== null).length);
  });
});
