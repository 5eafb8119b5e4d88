/** Files that are there whole or not at all, whatever ends the process while they are written. */
import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { hasCode } from './system-error.ts';

/** Puts the file there in one step, in the place of an older one. @param mode such as 0o600 */
export async function replaceFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await withDraft(path, { content, mode }, async (draft) => {
    await rename(draft, path);
  });
}

/**
 * Puts the file there in one step unless there is one.
 * @param mode such as 0o600
 * @returns false when there is one already, which was left as it is
 */
export async function createFile(path: string, content: string | Uint8Array, mode: number): Promise<boolean> {
  return await withDraft(path, { content, mode }, async (draft) => {
    try {
      await link(draft, path);
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    }
  });
}

async function withDraft<T>(
  path: string,
  { content, mode }: { readonly content: string | Uint8Array; readonly mode: number },
  place: (draft: string) => Promise<T>,
): Promise<T> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await write(draft, content, mode);
    return await place(draft);
  } finally {
    await rm(draft, { force: true });
  }
}

async function write(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode);
  await file.writeFile(content);
  await file.sync();
}
