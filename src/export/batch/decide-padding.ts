/** Decides how many generated keys hide how few real ones there are, once for each batch, before anything is published. */
import type { Batch, KeyCounts } from '../../domain/export/batch.ts';
import { paddingAmount, paddingTarget } from '../../domain/export/padding.ts';
import type { Database, Queryable } from '../../storage/database.ts';
import { countKeys } from '../../storage/key-stream.ts';
import {
  insertPadding,
  lockPaddingDecisions,
  nextPaddingDecision,
  oldestUndecidedBatches,
  saveDecision,
  type PaddingKey,
  type PaddingPlace,
} from '../../storage/padding.ts';
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
  // In the shortest window, so in all of them.
  const place = { createdAt: batches[0]!.windowStart, decision };
  const realCounts = new Map<Batch, KeyCounts>();
  for (const batch of batches) {
    const real = await countKeys(client, batch, 'real');
    realCounts.set(batch, real);
    if (total(real) > 0)
      await padBatch(client, { ...batch, paddingDecision: decision }, { real, place, settings, random });
  }
  for (const [batch, real] of realCounts) {
    const counts = total(real) === 0 ? real : sum(real, await countPadding(client, batch, decision));
    await saveDecision(client, batch.id, { decision, counts });
  }
}

interface PaddingInput {
  readonly real: KeyCounts;
  readonly place: PaddingPlace;
  readonly settings: PaddingSettings;
  readonly random: RandomSource;
}

async function padBatch(
  client: Queryable,
  batch: Batch,
  { real, place, settings, random }: PaddingInput,
): Promise<void> {
  const present = total(real) + total(await countPadding(client, batch, place.decision));
  const target = paddingTarget({ ...settings, maxRecords: batch.maxRecords }, random.below);
  const keys = Array.from({ length: paddingAmount(present, target) }, (): PaddingKey => ({
    key: random.key(),
    template: random.below(total(real)),
  }));
  await insertPadding(client, batch, { ...place, keys });
}

async function countPadding(client: Queryable, batch: Batch, decision: string): Promise<KeyCounts> {
  return await countKeys(client, { ...batch, paddingDecision: decision }, 'padding');
}

function total({ keys, revisedKeys }: KeyCounts): number {
  return keys + revisedKeys;
}

function sum(a: KeyCounts, b: KeyCounts): KeyCounts {
  return { keys: a.keys + b.keys, revisedKeys: a.revisedKeys + b.revisedKeys };
}
