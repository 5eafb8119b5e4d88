/** Numbered decisions about federation: that each has a test. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('every numbered decision about federation has a test that is named after it', () => {
  const root = new URL('../', import.meta.url);
  const named = new Set<number>();
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.test.ts')) continue;
    const text = readFileSync(new URL(file, root), 'utf8');
    for (const [, number] of text.matchAll(/['"`]Federation decision (\d+): /g)) named.add(Number(number));
  }
  const all = Array.from({ length: 9 }, (_, index) => index + 1);
  expect(all.filter((number) => !named.has(number))).toEqual([]);
});
