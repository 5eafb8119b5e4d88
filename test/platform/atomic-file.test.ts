/** Files that are there whole or not at all. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFile, replaceFile } from '../../src/platform/atomic-file.ts';

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'enmesh-atomic-'));
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true }) };
}

test('a file is made once, by one of many at the same time, and nothing else is left behind', async () => {
  await using dir = await folder();
  const file = join(dir.path, 'file');
  const made = await Promise.all(
    ['a', 'b', 'c'].map(async (text) => ((await createFile(file, text, 0o600)) ? text : '')),
  );
  expect(made.join('')).toBe(await readFile(file, 'utf8'));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir.path)).toEqual(['file']);
});

test('a file is replaced in one step', async () => {
  await using dir = await folder();
  const file = join(dir.path, 'file');
  await writeFile(file, 'older', { mode: 0o666 });
  await replaceFile(file, 'newer', 0o600);
  expect(await readFile(file, 'utf8')).toBe('newer');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(dir.path)).toEqual(['file']);
});
