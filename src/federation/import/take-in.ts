/** Takes keys of another authority in: judges each by itself, then writes them together; refused ones are the caller's. */
import type { DecodedKey } from '../../domain/export-file/decode.ts';
import type { KeyList } from '../../domain/export-file/format.ts';
import { judgeKey, type ImportableKey } from '../../domain/import/judge-key.ts';
import { judgeRevision } from '../../domain/import/judge-revision.ts';
import type { Refusal } from '../../domain/import/refusal.ts';
import { keyBounds } from '../../domain/publish/validate-key.ts';
import type { Queryable } from '../../storage/database.ts';
import type { StoredCounts } from '../../storage/imports/import-files.ts';
import {
  insertImportedKeys,
  lockStoredKeys,
  reviseImportedKeys,
  type ImportFacts,
} from '../../storage/imports/imported-keys.ts';
import type { ImportSource } from '../../storage/imports/imports.ts';
import { dropTombstoned, tombstonedKeys } from '../../storage/exposures/tombstones.ts';
import { enterWindow } from '../../storage/windows.ts';
import type { ImportDeps } from './settings.ts';

/** Where keys come from. */
export interface Origin {
  readonly source: ImportSource;
  /** What keys are judged by. */
  readonly now: Date;
}

/** A key of a file or of the quarantine. */
export interface Candidate {
  readonly sent: DecodedKey;
}

/** What became of candidates. */
interface Outcome<C extends Candidate> {
  readonly counts: StoredCounts;
  /** Stored now or before. */
  readonly accepted: readonly C[];
  /** Withdrawn here, or deleted for their age: refused for good, so that nothing of them is kept. */
  readonly withdrawn: readonly C[];
  readonly refused: readonly (readonly [candidate: C, refusal: Refusal])[];
}

/** Judges and writes candidates of one list, within the caller's transaction. */
export async function takeIn<C extends Candidate>(
  client: Queryable,
  deps: Pick<ImportDeps, 'clock' | 'settings'>,
  { source, now, list, candidates }: Origin & { list: KeyList; candidates: readonly C[] },
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
  const write = list === 'keys' ? insert : revise;
  const written = await write(client, facts, { window, sound });
  return { ...written, refused: [...refused, ...written.refused] };
}

interface Sound<C> {
  readonly candidate: C;
  readonly key: ImportableKey;
}

interface Arrived<C> {
  readonly window: Date;
  readonly sound: readonly Sound<C>[];
}

async function insert<C extends Candidate>(
  client: Queryable,
  facts: ImportFacts,
  { window, sound }: Arrived<C>,
): Promise<Outcome<C>> {
  const keys = sound.map(({ key }) => key);
  const stored = await insertImportedKeys(client, facts, { window, keys });
  const dropped = await dropTombstoned(client, bytesOf(sound));
  const { accepted = [], withdrawn = [] } = Object.groupBy(sound, ({ key }) =>
    dropped.has(nameOf(key)) ? 'withdrawn' : 'accepted',
  );
  return {
    counts: { inserted: stored - dropped.size, revised: 0 },
    accepted: accepted.map(({ candidate }) => candidate),
    withdrawn: withdrawn.map(({ candidate }) => candidate),
    refused: [],
  };
}

async function revise<C extends Candidate>(
  client: Queryable,
  facts: ImportFacts,
  { window, sound: sent }: Arrived<C>,
): Promise<Outcome<C>> {
  const sound = firstOfEach(sent);
  const stored = await lockStoredKeys(client, bytesOf(sound));
  const byKey = new Map(stored.map((row) => [nameOf(row), row]));
  const unknown = sound.filter(({ key }) => !byKey.has(nameOf(key)));
  const gone = await tombstonedKeys(client, bytesOf(unknown));
  const verdicts = sound.map((entry) => {
    const name = nameOf(entry.key);
    const judge = () => judgeRevision(entry.key, byKey.get(name), facts.importId);
    return { ...entry, verdict: gone.has(name) ? 'withdrawn' : judge() };
  });
  const keys = verdicts.flatMap(({ key, verdict }) => (verdict === 'revise' ? [key] : []));
  const revised = await reviseImportedKeys(client, facts, { window, keys });
  const accepted: C[] = [];
  const withdrawn: C[] = [];
  const refused: (readonly [C, Refusal])[] = [];
  for (const { candidate, verdict } of verdicts) {
    if (verdict === 'revise' || verdict === 'unchanged') accepted.push(candidate);
    else if (verdict === 'withdrawn') withdrawn.push(candidate);
    else refused.push([candidate, verdict]);
  }
  return { counts: { inserted: 0, revised }, accepted, withdrawn, refused };
}

/** A key has one revision: of several in a part the first counts. */
function firstOfEach<C>(sound: readonly Sound<C>[]): readonly Sound<C>[] {
  return [...new Map(sound.toReversed().map((entry) => [nameOf(entry.key), entry])).values()];
}

function bytesOf<C>(sound: readonly Sound<C>[]): Buffer[] {
  return sound.map(({ key }) => key.key);
}

function nameOf({ key }: { readonly key: Buffer }): string {
  return key.toString('latin1');
}
