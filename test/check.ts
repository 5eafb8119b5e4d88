/** Runs every check that is not a test: types, lint, format, structure, contract, generated files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';

interface Check {
  readonly name: string;
  /** Says what is wrong; nothing when all is well. */
  run(): Promise<string>;
}

const checks: readonly Check[] = [
  { name: 'lint', run: () => command('eslint', '--max-warnings', '0', '.') },
  { name: 'types', run: () => command('tsc', '--noEmit', '-p', '.') },
  { name: 'format', run: () => command('prettier', '--check', '--log-level', 'warn', '.') },
  {
    name: 'structure',
    run: () => command('depcruise', 'src', 'migrations', 'bench', '--config', '.dependency-cruiser.cjs'),
  },
  { name: 'unused code', run: () => command('knip') },
  { name: 'contract style', run: () => command('buf', 'lint') },
  {
    name: 'contract is compatible',
    run: () => command('buf', 'breaking', '--against', 'test/contract/released.binpb'),
  },
  { name: 'generated code is current', run: generatedIsCurrent },
  {
    name: 'docs/configuration.md is current',
    run: () => command('node', 'src/platform/config/write-docs.ts', '--check'),
  },
];

/** Each keeps one core busy; the longest stand first. */
const atOnce = 2;
let failed = 0;
const left = checks.values();
const work = async (): Promise<void> => {
  for (const { name, run } of left) {
    const fault = await run();
    if (fault !== '') failed += 1;
    console.log(`${fault === '' ? 'ok  ' : 'FAIL'} ${name}${fault === '' ? '' : `\n${fault}`}`);
  }
};
await Promise.all(Array.from({ length: atOnce }, work));
console.log(`checks: ${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

async function command(name: string, ...args: string[]): Promise<string> {
  const child = spawn(join('node_modules', '.bin', name), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [[status], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return status === 0 ? '' : `${stdout}${stderr}`.trim() || `${name} ended with ${String(status)}`;
}

async function generatedIsCurrent(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'enmesh-generated-'));
  try {
    const fault =
      (await command('buf', 'generate', '--output', folder)) ||
      (await command('buf', 'build', '-o', join(folder, 'src/gen/descriptors.binpb')));
    if (fault !== '') return fault;
    const [fresh, committed] = [filesBelow(join(folder, 'src/gen')), filesBelow('src/gen')];
    const stale = [...new Set([...fresh.keys(), ...committed.keys()])].filter(
      (name) => fresh.get(name) !== committed.get(name),
    );
    return stale.length === 0 ? '' : `run npm run generate: ${stale.join(', ')}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function filesBelow(folder: string): Map<string, string> {
  return new Map(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path), readFileSync(path, 'base64')]),
  );
}
