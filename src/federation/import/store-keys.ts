/** Stores the keys of a verified file, a part at a time; each part is judged, written, counted and fenced in one transaction. */
import { AppError } from '../../domain/errors.ts';
import { decodeKeys, type DecodedKey } from '../../domain/export-file/decode.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { judgeKey, type ImportableKey } from '../../domain/import/judge-key.ts';
import { judgeRevision } from '../../domain/import/judge-revision.ts';
import type { Refusal } from '../../domain/import/refusal.ts';
import { keyBounds } from '../../domain/publish/validate-key.ts';
import type { Queryable } from '../../storage/database.ts';
import { countStored, type FileHolder, type StoredCounts } from '../../storage/import-files.ts';
import { quarantineKeys } from '../../storage/import-quarantine.ts';
import {
  enterWindow,
  insertImportedKeys,
  lockStoredKeys,
  reviseImportedKeys,
  type ImportFacts,
} from '../../storage/imported-keys.ts';
import type { ImportSource } from '../../storage/imports.ts';
import { importMetrics } from './metrics.ts';
import type { ImportDeps } from './settings.ts';

/** Keys of one transaction: short enough that a window's end waits for none. */
const chunkKeys = 2_000;

/** Where a file's keys come from, and who stores them. */
export interface Delivery {
  readonly source: ImportSource;
  readonly holder: FileHolder;
  /** What keys are judged by. */
  readonly now: Date;
}

/**
 * Stores all of it: first keys, then revisions. Stopped anywhere and begun again it comes to the same.
 * @throws AppError conflict `lease_lost` when somebody else has the file; of the database
 */
export async function storeKeys(
  deps: ImportDeps,
  delivery: Delivery,
  bin: Buffer,
  signal: AbortSignal,
): Promise<StoredCounts> {
  let counts: StoredCounts = { inserted: 0, revised: 0 };
  for (const list of ['keys', 'revisedKeys'] as const) {
    for (const sent of chunksOf(decodeKeys(bin, list))) {
      signal.throwIfAborted();
      counts = sum(counts, await storeChunk(deps, delivery, { list, sent }));
    }
  }
  return counts;
}

/** A key of a file or of the quarantine. */
export interface Candidate {
  readonly sent: DecodedKey;
}

/** What became of candidates. */
export interface Outcome<C extends Candidate> {
  readonly counts: StoredCounts;
  /** Stored now or before. */
  readonly accepted: readonly C[];
  readonly refused: readonly (readonly [candidate: C, refusal: Refusal])[];
}

/** Judges and writes candidates of one list, within the caller's transaction. */
export async function takeIn<C extends Candidate>(
  client: Queryable,
  deps: Pick<ImportDeps, 'clock' | 'settings'>,
  { source, now, list, candidates }: Pick<Delivery, 'source' | 'now'> & { list: KeyList; candidates: readonly C[] },
): Promise<Outcome<C>> {
  const { rules } = deps.settings;
  const bounds = keyBounds(rules, now);
  const judged = candidates.map((candidate) => ({ candidate, ...judgeKey(list, candidate.sent, { rules, bounds }) }));
  const refused = judged.flatMap(({ candidate, refusal }) =>
    refusal === undefined ? [] : [[candidate, refusal] as const],
  );
  const sound = judged.flatMap(({ candidate, accepted }) =>
    accepted === undefined ? [] : [{ candidate, key: accepted }],
  );
  const facts = { importId: source.id, name: source.name, region: source.region, traveler: source.traveler };
  const window = await enterWindow(client, deps.clock);
  if (list === 'keys') {
    const inserted = await insertImportedKeys(client, facts, { window, keys: sound.map(({ key }) => key) });
    return { counts: { inserted, revised: 0 }, accepted: sound.map(({ candidate }) => candidate), refused };
  }
  const revisions = await revise(client, facts, { window, sound: firstOfEach(sound) });
  return { ...revisions, refused: [...refused, ...revisions.refused] };
}

interface Sound<C> {
  readonly candidate: C;
  readonly key: ImportableKey;
}

async function revise<C extends Candidate>(
  client: Queryable,
  facts: ImportFacts,
  { window, sound }: { window: Date; sound: readonly Sound<C>[] },
): Promise<Outcome<C>> {
  const stored = await lockStoredKeys(
    client,
    sound.map(({ key }) => key.key),
  );
  const byKey = new Map(stored.map((row) => [nameOf(row), row]));
  const verdicts = sound.map((entry) => ({
    ...entry,
    verdict: judgeRevision(entry.key, byKey.get(nameOf(entry.key)), facts.importId),
  }));
  const keys = verdicts.flatMap(({ key, verdict }) => (verdict === 'revise' ? [key] : []));
  const revised = await reviseImportedKeys(client, facts, { window, keys });
  const accepted: C[] = [];
  const refused: (readonly [C, Refusal])[] = [];
  for (const { candidate, verdict } of verdicts) {
    if (verdict === 'revise' || verdict === 'unchanged') accepted.push(candidate);
    else refused.push([candidate, verdict]);
  }
  return { counts: { inserted: 0, revised }, accepted, refused };
}

async function storeChunk(
  deps: ImportDeps,
  { source, holder, now }: Delivery,
  { list, sent }: { list: KeyList; sent: readonly DecodedKey[] },
): Promise<StoredCounts> {
  const { database, clock, settings } = deps;
  const outcome = await database.transaction(async (client) => {
    const candidates = sent.map((key) => ({ sent: key }));
    const taken = await takeIn(client, deps, { source, now, list, candidates });
    const refused = taken.refused.map(([candidate, refusal]) => ({ ...candidate, list, refusal }));
    await quarantineKeys(client, { importId: source.id, fileId: holder.fileId, clock }, refused);
    const terms = { ...taken.counts, clock, leaseSeconds: settings.leaseSeconds };
    if (await countStored(client, holder, terms)) return taken;
    throw leaseLost();
  });
  importMetrics(deps).keys(
    outcome.counts,
    outcome.refused.map(([, refusal]) => refusal),
  );
  return outcome.counts;
}

/** Somebody else has the file: nothing of ours counts any more. */
export function leaseLost(): AppError {
  return new AppError('conflict', 'lease_lost', 'another worker has taken the file over');
}

function* chunksOf(keys: Iterable<DecodedKey>): Generator<DecodedKey[]> {
  let chunk: DecodedKey[] = [];
  for (const key of keys) {
    chunk.push(key);
    if (chunk.length < chunkKeys) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** A key has one revision: of several in a part the first counts. */
function firstOfEach<C>(sound: readonly Sound<C>[]): readonly Sound<C>[] {
  return [...new Map(sound.toReversed().map((entry) => [nameOf(entry.key), entry])).values()];
}

function nameOf({ key }: { readonly key: Buffer }): string {
  return key.toString('latin1');
}

function sum(a: StoredCounts, b: StoredCounts): StoredCounts {
  return { inserted: a.inserted + b.inserted, revised: a.revised + b.revised };
}
