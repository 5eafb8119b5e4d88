/** docs/errors.md lists exactly the codes that exist, and for clients of the gateway what its one table says. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientCodeList } from '../../src/gateway/codes.ts';
import { fixedAnswers } from '../../src/gateway/publish/answer.ts';
import { tableRows } from './markdown.ts';

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

  it('tells phones and health authorities what the table of the gateway says', () => {
    const markdown = readFileSync(join(root, 'docs/errors.md'), 'utf8');
    expect(tableRows(markdown, 'code', 'publish', 'stats', 'cause and cure')).toEqual(
      clientCodeList.map(([code, { statuses, meaning }]) => {
        const { publish = [], v1alpha1 = [], stats = [] } = statuses;
        const told = v1alpha1.length > 0 ? `${v1alpha1.join(', ')} (v1alpha1)` : publish.join(', ');
        return [`\`${code}\``, told, stats.join(', '), meaning];
      }),
    );
  });

  it('shares that table with the answers that are the same each time', () => {
    for (const { status, code } of Object.values(fixedAnswers)) {
      const [, told] = clientCodeList.find(([name]) => name === code) ?? [];
      expect(told?.statuses.publish).toContain(status);
      expect(told?.statuses.stats).toContain(status);
    }
  });
});
