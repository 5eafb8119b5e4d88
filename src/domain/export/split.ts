/** How a batch is split into files that are not too large. */

/** Records of one file as positions in the batch: first primary keys, then revised ones, each list in key order. */
export interface FileShare {
  /** From 1. */
  readonly number: number;
  readonly keys: RowRange;
  readonly revisedKeys: RowRange;
}

/** Positions from `from` up to, not with, `to`. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/**
 * As few files as possible, equally full: a last file of a handful would show how many keys there are.
 * Every position is in exactly one file; no keys, no file.
 */
export function splitBatch(counts: {
  readonly keys: number;
  readonly revisedKeys: number;
  /** Most keys in one file, both lists together. */
  readonly maxRecords: number;
}): readonly FileShare[] {
  const total = counts.keys + counts.revisedKeys;
  const files = Math.ceil(total / counts.maxRecords);
  return Array.from({ length: files }, (_, index) => {
    const from = Math.floor((total * index) / files);
    const to = Math.floor((total * (index + 1)) / files);
    return {
      number: index + 1,
      keys: { from: Math.min(from, counts.keys), to: Math.min(to, counts.keys) },
      revisedKeys: { from: Math.max(from - counts.keys, 0), to: Math.max(to - counts.keys, 0) },
    };
  });
}

/** End in the file's content: phones take files with equal times for one file, so each further one is a second later. */
export function fileEnd(windowEnd: Date, number: number): Date {
  return new Date(windowEnd.getTime() + (number - 1) * 1000);
}
