/** Writes `docs/configuration.md`; with `--check` it writes nothing and exits 1 when the file is not current. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { configurationMarkdown } from './markdown.ts';

const file = fileURLToPath(new URL('../../../docs/configuration.md', import.meta.url));
const wanted = configurationMarkdown();

if (!process.argv.includes('--check')) {
  await writeFile(file, wanted);
} else if ((await readFile(file, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write('docs/configuration.md is not current: run `node src/platform/config/write-docs.ts`\n');
  process.exitCode = 1;
}
