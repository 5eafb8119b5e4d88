/** Decides how many generated keys hide how few real ones there are, once for each batch, before anything is published. */
import { openAtoms, type Coverage, type KeyGroup } from '../../domain/export/atoms.ts';
import type { Batch, KeyCounts } from '../../domain/export/batch.ts';
import { paddingAmount, paddingTarget } from '../../domain/export/padding.ts';
import { KEY_LENGTH } from '../../domain/export-file/format.ts';
import { coveragesOf } from '../../storage/exports/coverages.ts';
import type { Database, Queryable } from '../../storage/database.ts';
import { countKeys } from '../../storage/exports/key-stream.ts';
import {
  insertPadding,
  keyGroups,
  lockPaddingDecisions,
  nextPaddingDecision,
  oldestUndecidedBatches,
  reviseEarlierPadding,
  saveDecision,
  type PaddingKeys,
  type PaddingPlace,
} from '../../storage/exports/padding.ts';
import type { RandomSource } from './random.ts';

/** What padding depends on besides the keys. */
export interface PaddingSettings {
  readonly minRecords: number;
  readonly paddingRange: number;
}

/**
 * Decides for all batches whose windows end at `windowEnd` or before and that have no decision yet, window end by window
 * end, oldest first: so a long window knows the padding of the short ones in it.
 */
export async function decidePadding(
  database: Database,
  windowEnd: Date,
  { settings, random }: { readonly settings: PaddingSettings; readonly random: RandomSource },
): Promise<void> {
  let isDecided = false;
  while (!isDecided) {
    isDecided = await database.transaction(async (client) => {
      await lockPaddingDecisions(client);
      const batches = await oldestUndecidedBatches(client, windowEnd);
      if (batches.length > 0) await decideTogether(client, batches, { settings, random });
      return batches.length === 0 || batches[0]!.windowEnd.getTime() === windowEnd.getTime();
    });
  }
}

/** One window end: the finest period first, so that coarser ones count what it added. */
async function decideTogether(
  client: Queryable,
  batches: readonly Batch[],
  { settings, random }: { readonly settings: PaddingSettings; readonly random: RandomSource },
): Promise<void> {
  const decision = await nextPaddingDecision(client);
  const coverages = await coveragesOf(client, batches);
  // In the shortest window, so in all of them.
  const place = { createdAt: batches[0]!.windowStart, decision };
  const realCounts = new Map<Batch, KeyCounts>();
  for (const undecided of batches) {
    const batch = { ...undecided, paddingDecision: decision };
    const real = await readReal(client, batch, coverages);
    realCounts.set(batch, real.counts);
    if (total(real.counts) > 0) await padBatch(client, batch, { real, coverages, place, settings, random });
  }
  const hasRevised = realCounts.values().some(({ revisedKeys }) => revisedKeys > 0);
  if (hasRevised) await reviseEarlierPadding(client, decision, random.bytes(KEY_LENGTH));
  for (const [batch, real] of realCounts) {
    const counts = total(real) === 0 ? real : sum(real, await countKeys(client, batch, 'padding'));
    await saveDecision(client, batch.id, { decision, counts });
  }
}

/** Real keys of a batch; their groups only where other files may hold some of them. */
interface RealKeys {
  readonly counts: KeyCounts;
  readonly groups: readonly KeyGroup[];
}

async function readReal(client: Queryable, batch: Batch, coverages: readonly Coverage[]): Promise<RealKeys> {
  if (coverages.length === 0) return { counts: await countKeys(client, batch, 'real'), groups: [] };
  const groups = await keyGroups(client, batch, 'real');
  return { counts: groups.reduce<KeyCounts>(sum, { keys: 0, revisedKeys: 0 }), groups };
}

interface PaddingInput {
  readonly real: RealKeys;
  readonly coverages: readonly Coverage[];
  readonly place: Pick<PaddingPlace, 'createdAt' | 'decision'>;
  readonly settings: PaddingSettings;
  readonly random: RandomSource;
}

/** First what comparing with other files would lay bare, then the file as a whole. */
async function padBatch(client: Queryable, batch: Batch, input: PaddingInput): Promise<void> {
  const { real, coverages, place, random } = input;
  const target = paddingTarget({ ...input.settings, maxRecords: batch.maxRecords }, random.below);
  const padding = coverages.length === 0 ? [] : await keyGroups(client, batch, 'padding');
  let present = total(real.counts) + total(padding.reduce<KeyCounts>(sum, { keys: 0, revisedKeys: 0 }));
  if (coverages.length === 0) present += total(await countKeys(client, batch, 'padding'));
  for (const atom of openAtoms(real.groups, padding, coverages)) {
    const room = Math.max(batch.maxRecords - present, 0);
    const amount = Math.min(paddingAmount(atom.real + atom.padding, target), room);
    const keys = drawKeys(random, { amount, templates: atom.real });
    await insertPadding(client, batch, { ...place, groups: atom.groups, ...keys });
    present += amount;
  }
  const keys = drawKeys(random, { amount: paddingAmount(present, target), templates: total(real.counts) });
  await insertPadding(client, batch, { ...place, groups: null, ...keys });
}

/** With replacement: how often a template is drawn says little of how many there are. */
function drawKeys(
  random: RandomSource,
  { amount, templates }: { readonly amount: number; readonly templates: number },
): PaddingKeys {
  return {
    keys: random.bytes(amount * KEY_LENGTH),
    templates: Array.from({ length: amount }, () => random.below(templates)),
  };
}

function total({ keys, revisedKeys }: KeyCounts): number {
  return keys + revisedKeys;
}

function sum(a: KeyCounts, b: KeyCounts): KeyCounts {
  return { keys: a.keys + b.keys, revisedKeys: a.revisedKeys + b.revisedKeys };
}
