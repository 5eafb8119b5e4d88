/** Programs of the machine that the external tier asks for their opinion. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';

const goFolders = [process.env['GOBIN'], process.env['GOPATH'] && join(process.env['GOPATH'], 'bin')];
/** Where .ci/install-external puts what comes from npm and PyPI. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'enmesh-external');
const cacheFolders = [join(cache, 'azurite', 'node_modules', '.bin'), join(cache, 'moto', 'bin')];
const folders = [
  ...(process.env['PATH'] ?? '').split(delimiter),
  ...goFolders,
  join(homedir(), 'go', 'bin'),
  ...cacheFolders,
];

/** The program's path; where the machine has none the test is skipped, and the run's end says why. */
export function tool(context: TestContext, name: string): string {
  const path = folders.flatMap((folder) => (folder ? [join(folder, name)] : [])).find(isProgram);
  return path ?? context.skip(`${name} is not installed; .ci/install-external brings it where it can`);
}

/** Folder of the newest PostgreSQL that the distribution has installed, such as `/usr/lib/postgresql/17/bin`. */
export function postgresFolder(context: TestContext): string {
  const root = '/usr/lib/postgresql';
  const found = versionsIn(root)
    .map((version) => join(root, version, 'bin'))
    .find((folder) => isProgram(join(folder, 'postgres')));
  return found ?? context.skip(`no PostgreSQL of the distribution is installed below ${root}`);
}

/** A finished program. */
export interface Ran {
  readonly status: number | null;
  /** Both streams. */
  readonly output: string;
}

/** Runs a program to its end. */
export function run(path: string, ...words: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(path, words, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionsIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}
