/** Runs exports in a process of its own that kills itself, as `kill -9` would, at a given step. */
import { join } from 'node:path';
import process, { argv, kill, pid } from 'node:process';
import { runExports } from '../../src/export/batch/run.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { openKeyManager } from '../../src/platform/key-manager/open.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import { Database } from '../../src/storage/database.ts';
import { writeOutdatedIndexes } from '../../src/export/index/write-index.ts';
import type { ExportDeps, ExportSettings } from '../../src/export/settings.ts';
import { withFaults, type Step } from './export-faults.ts';

/** What the process is told, as JSON in its first argument. */
export interface Doom {
  readonly url: string;
  readonly folder: string;
  readonly now: string;
  readonly settings: ExportSettings;
  readonly step: Step;
  /** Dies when the step is reached so often. */
  readonly times: number;
}

const doom = JSON.parse(argv[2]!) as Doom;
// Where no file may be larger, a write fails instead of ending the process.
process.on('SIGXFSZ', () => undefined);
let left = doom.times;
const deps: ExportDeps = {
  database: new Database(
    { url: doom.url, poolSize: 5, applicationName: 'doomed', statementTimeoutMs: 30_000 },
    () => undefined,
  ),
  blobStore: await openBlobStore({ kind: 'filesystem', dir: join(doom.folder, 'blobs') }),
  keyManager: await openKeyManager({ kind: 'filesystem', dir: join(doom.folder, 'keys') }),
  clock: new ManualClock(new Date(doom.now)),
  settings: doom.settings,
  logger: createLogger({ level: 'silent', pretty: false }),
  metrics: new Metrics(),
};
const doomed = withFaults(deps, (step) => {
  if (step === doom.step && --left === 0) kill(pid, 'SIGKILL');
});
await Array.fromAsync(runExports(doomed, { signal: new AbortController().signal }));
await writeOutdatedIndexes(doomed);
await deps.database.stop();
