/** `npm run fuzz [TARGET] [SECONDS | FILE]`: looks for inputs that break a decoder, or shows what a found one does. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { instrument } from './instrument.ts';
import { seededRandom } from './mutate.ts';

const defaultSeconds = 60;
const folder = '.fuzz';

const [wanted = 'all', limit = String(defaultSeconds)] = process.argv.slice(2);
// From here on, what is imported counts its branches.
const coverage = instrument(['../../src/', 'planted-decoder.ts'].map((path) => new URL(path, import.meta.url)));
const { explore, faultOf } = await import('./explore.ts');
const { planted } = await import('./planted.ts');
// Alone, so that what is found from a seed does not change with every string of the product.
const all = wanted === planted.name ? [planted] : await (await import('./targets.ts')).makeTargets();
const chosen = wanted === 'all' ? all : all.filter(({ name }) => name === wanted);

if (chosen.length === 0) {
  console.error(`fuzz: there is no ${wanted}; there is all, ${all.map(({ name }) => name).join(', ')}`);
  process.exitCode = 2;
} else if (existsSync(limit)) {
  process.exitCode = await reproduce(limit);
} else if (Number(limit) > 0) {
  process.exitCode = await search(Number(limit));
} else {
  console.error(`fuzz: ${limit} is neither a number of seconds nor a file`);
  process.exitCode = 2;
}
process.exit();

/** Gives each target its share of the time. */
async function search(seconds: number): Promise<number> {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`fuzz: ${chosen.length} targets, ${seconds} s, FUZZ_SEED=${seed}`);
  let found = 0;
  for (const target of chosen) {
    const until = performance.now() + (seconds * 1000) / chosen.length;
    const { runs, kept, branches, finding } = await explore(target, coverage, { random: seededRandom(seed), until });
    console.log(
      `${finding ? 'FAIL' : 'ok  '} ${target.name.padEnd(17)} ${runs} runs, ${kept} kept, ${branches} branches`,
    );
    if (finding === undefined) continue;
    found += 1;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${target.name}-${createHash('sha256').update(finding.input).digest('hex').slice(0, 8)}`);
    writeFileSync(file, finding.input);
    console.log(finding.fault);
    console.log(`again: npm run fuzz ${target.name} ${file}`);
  }
  return found === 0 ? 0 : 1;
}

async function reproduce(file: string): Promise<number> {
  const [target] = chosen;
  const fault = target && (await faultOf(target, readFileSync(file)));
  console.log(fault ?? 'nothing is wrong with how it is answered');
  return fault === undefined ? 0 : 1;
}
