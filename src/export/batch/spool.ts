/** The folder for unfinished files. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../domain/errors.ts';
import type { LeaseHolder } from '../../storage/exports/batches.ts';

/** A name that no other worker uses, even for the same file. */
export function spoolName({ batchId, owner }: LeaseHolder, number: number): string {
  return `${batchId}-${number}-${owner}.zip`;
}

/** Makes the folder and removes what killed workers left of this batch. Throws AppError `unavailable`/`spool_unavailable`. */
export async function clearSpool(spoolDir: string, batchId: string): Promise<void> {
  try {
    await mkdir(spoolDir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(spoolDir)) {
      if (name.startsWith(`${batchId}-`)) await rm(join(spoolDir, name), { force: true });
    }
  } catch (cause) {
    throw new AppError('unavailable', 'spool_unavailable', 'the folder for unfinished export files cannot be written', {
      cause,
    });
  }
}

/** Never throws: what stays is removed with the next try. */
export async function removeSpooled(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}
