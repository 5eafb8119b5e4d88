/** docs/errors.md lists exactly the codes that exist. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.startsWith('gen/'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'));

const thrown = new Set(
  sources.flatMap((text) => [...text.matchAll(/new AppError\(\s*'[a-z_]+',\s*'([a-z_]+)'/g)].map(([, code]) => code!)),
);
const documented = new Set(
  readFileSync(join(root, 'docs/errors.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...line.split('|')[1]!.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code!)),
);

describe('docs/errors.md', () => {
  it('documents every code that is thrown', () => {
    expect([...thrown].filter((code) => !documented.has(code))).toEqual([]);
  });

  it('documents no code that does not exist', () => {
    expect([...documented].filter((code) => !sources.some((text) => text.includes(`'${code}'`)))).toEqual([]);
  });
});
