#!/usr/bin/env node
/** The `enmesh` command: hands over to cli/. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';

const needed = [22, 18] as const;
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    `enmesh: this is Node ${process.versions.node}, but Enmesh needs ${needed.join('.')} or later; \`npx enmesh\` brings its own\n`,
  );
  process.exitCode = 2;
} else {
  // Types are stripped and code is compiled once: later starts take less time and memory. Kept beside the code, where
  // nobody can write who cannot change the code itself; where we cannot write either, nothing is kept.
  enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/enmesh'));
  const [{ run }, { processIo }] = await Promise.all([import('./cli/run.ts'), import('./cli/io.ts')]);
  process.exitCode = await run(process.argv.slice(2), processIo());
}
