/** The documentation of the environment is the table of variables. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { configurationMarkdown } from '../../../src/platform/config/markdown.ts';
import { variables, type Variable } from '../../../src/platform/config/variables.ts';

test('docs/configuration.md is current', async () => {
  const file = new URL('../../../docs/configuration.md', import.meta.url);
  expect(await readFile(file, 'utf8')).toBe(configurationMarkdown());
});

test('every variable has one row, with its defaults and a sentence', () => {
  const rows = configurationMarkdown()
    .split('\n')
    .filter((line) => line.startsWith('| `ENMESH_'));
  expect(rows).toHaveLength(Object.keys(variables).length);
  for (const [name, { fallback, dev, doc }] of Object.entries(variables) as [string, Variable<unknown>][]) {
    const row = rows.find((line) => line.startsWith(`| \`${name}\` |`)) ?? '';
    for (const text of [fallback, dev]) if (text !== undefined && text !== '') expect(row).toContain(`\`${text}\``);
    expect(row).toContain(doc);
    expect(row.match(/(?<!\\)\|/g)).toHaveLength(5);
  }
});
