/** Publishes that wait anyway are written together: several in one statement, so that they share its commit. */
import { AppError } from '../../domain/errors.ts';
import { reportTypeCodes } from '../../domain/publish/report-type.ts';
import { countedArrays } from '../authorities/counters.ts';
import type { Queryable } from '../database.ts';
import type { NewKeys, PublishFacts } from './exposures.ts';
import { arrayOf, byKey, placeholders, write } from './publish-statement.ts';

/** Most publishes in one statement. */
const mostTogether = 32;

/**
 * What comes while a statement runs waits for its end, because a fuller statement costs PostgreSQL less. When it takes
 * longer than this, as it does when it waits for a lock, a further one is sent beside it.
 */
const patienceMs = 25;
const mostStatements = 4;

interface Waiting {
  readonly facts: PublishFacts;
  readonly keys: NewKeys;
  readonly answer: PromiseWithResolvers<boolean>;
}

/** The way of new keys into the database, for one process. */
export class PublishQueue {
  readonly #database: Queryable;
  /** By what all publishes of a statement must share; the first that came stands first. */
  readonly #waiting = new Map<string, Waiting[]>();
  #running = 0;
  #isDue = false;
  #patience: NodeJS.Timeout | undefined;

  constructor(database: Queryable) {
    this.#database = database;
  }

  /**
   * Stores keys in the present window, none of them known as far as one knows. One round trip, one transaction.
   * @returns false when nothing was written: a key may be known, the same request may have been answered before, or
   *   that holds for a publish that was to be written with this one
   * @throws AppError unavailable
   */
  insert(facts: PublishFacts, keys: NewKeys): Promise<boolean> {
    const answer = Promise.withResolvers<boolean>();
    const shared = `${String(facts.appId)} ${facts.now?.toISOString() ?? ''} ${facts.regions.join()}`;
    const group = this.#waiting.get(shared);
    if (group) group.push({ facts, keys, answer });
    else this.#waiting.set(shared, [{ facts, keys, answer }]);
    this.#wake();
    return answer.promise;
  }

  #wake(): void {
    if (this.#waiting.size === 0) return;
    if (this.#running > 0) {
      this.#patience ??= setTimeout(() => {
        this.#writeNext();
      }, patienceMs);
    } else if (!this.#isDue) {
      this.#isDue = true;
      // At the end of this turn of the event loop, so that what it brings is written together.
      setImmediate(() => {
        this.#isDue = false;
        this.#writeNext();
      });
    }
  }

  #writeNext(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    if (this.#running < mostStatements && this.#waiting.size > 0) void this.#write(this.#next());
    this.#wake();
  }

  #next(): Waiting[] {
    const [shared, group] = this.#waiting.entries().next().value ?? ['', []];
    this.#waiting.delete(shared);
    const rest = group.splice(mostTogether);
    if (rest.length > 0) this.#waiting.set(shared, rest);
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    this.#running++;
    try {
      const isWritten = await insertTogether(this.#database, group);
      for (const { answer } of group) answer.resolve(isWritten);
    } catch (error) {
      // A fault of one publish is none of the others': each is told to try alone.
      const isOnes = group.length > 1 && error instanceof AppError && error.kind === 'internal';
      for (const { answer } of group) {
        if (isOnes) answer.resolve(false);
        else answer.reject(error);
      }
    } finally {
      this.#running--;
      if (this.#running === 0) this.#wake();
    }
  }
}

const publishManySql = `select publish_many(${placeholders(22)}) as is_written`;

async function insertTogether(database: Queryable, unsorted: readonly Waiting[]): Promise<boolean> {
  const publishes = unsorted.toSorted(byHash);
  const [{ facts }] = publishes as [Waiting];
  return await write(database, {
    name: 'publish_many',
    text: publishManySql,
    values: [
      facts.now,
      facts.appId,
      facts.regions,
      ...publishColumns(publishes),
      ...keyColumns(publishes),
      ...countedArrays(publishes.map(({ keys }) => keys.counted)),
    ],
  });
}

/** All writers lock receipts in this order, so that none waits for another in a circle. */
function byHash({ facts: { receipt: a } }: Waiting, { facts: { receipt: b } }: Waiting): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  return Buffer.compare(a.certificateHash, b.certificateHash);
}

function publishColumns(publishes: readonly Waiting[]): string[] {
  const receipts = publishes.map(({ facts }) => facts.receipt);
  return [
    bytesArray(receipts.map((receipt) => receipt?.certificateHash)),
    bytesArray(receipts.map((receipt) => receipt?.contentHash)),
    arrayOf(receipts.map((receipt) => receipt && `"${receipt.expiresAt.toISOString()}"`)),
    arrayOf(publishes.map(({ facts }) => facts.interval)),
    arrayOf(publishes.map(({ keys }) => keys.keys.length)),
    bytesArray(publishes.map(({ keys }) => keys.tokens)),
    arrayOf(publishes.map(({ facts }) => facts.authorityId)),
    arrayOf(publishes.map(({ facts }) => reportTypeCodes[facts.reportType])),
    arrayOf(publishes.map(({ facts }) => facts.traveler)),
  ];
}

function keyColumns(publishes: readonly Waiting[]): (Buffer | string)[] {
  const rows = publishes
    .flatMap(({ keys }, index) =>
      keys.keys.map((kept) => ({ kept, key: kept.key, first: kept.key.readUIntBE(0, 6), publish: index + 1 })),
    )
    .sort((a, b) => a.first - b.first || byKey(a, b));
  return [
    Buffer.concat(rows.map(({ key }) => key)),
    arrayOf(rows.map(({ publish }) => publish)),
    arrayOf(rows.map(({ kept }) => kept.intervalStart)),
    arrayOf(rows.map(({ kept }) => kept.intervalCount)),
    arrayOf(rows.map(({ kept }) => kept.transmissionRisk)),
    arrayOf(rows.map(({ kept }) => kept.daysSinceOnset)),
    arrayOf(rows.map(({ kept }) => (kept.embargo?.getTime() ?? 0) / 1000)),
  ];
}

function bytesArray(values: readonly (Buffer | undefined)[]): string {
  return arrayOf(values.map((value) => (value ? `"\\\\x${value.toString('hex')}"` : null)));
}
