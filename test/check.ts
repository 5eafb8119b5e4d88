/** Runs every check that is not a test: types, lint, format, structure, contract, generated files. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

interface Check {
  readonly name: string;
  /** Says what is wrong; nothing when all is well. */
  run(): string;
}

const checks: readonly Check[] = [
  { name: 'types', run: () => command('tsc', '--noEmit', '-p', '.') },
  { name: 'lint', run: () => command('eslint', '--max-warnings', '0', '.') },
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

let failed = 0;
for (const { name, run } of checks) {
  const fault = run();
  if (fault !== '') failed += 1;
  console.log(`${fault === '' ? 'ok  ' : 'FAIL'} ${name}${fault === '' ? '' : `\n${fault}`}`);
}
console.log(`checks: ${checks.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function command(name: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(join('node_modules', '.bin', name), args, { encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}`.trim() || `${name} ended with ${status}`;
}

function generatedIsCurrent(): string {
  const folder = mkdtempSync(join(tmpdir(), 'enmesh-generated-'));
  try {
    const fault =
      command('buf', 'generate', '--output', folder) ||
      command('buf', 'build', '-o', join(folder, 'src/gen/descriptors.binpb'));
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
