/** Runs imports in a process of its own, which a test kills while it works. */
import { argv } from 'node:process';
import { runImports } from '../../../src/federation/import/run.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { Database } from '../../../src/storage/database.ts';
import { importerSettings } from './settings.ts';

/** What the process is told, as JSON in its first argument. */
export interface Doom {
  readonly url: string;
  readonly now: string;
}

const { url, now } = JSON.parse(argv[2]!) as Doom;
const settings = { url, poolSize: 5, applicationName: 'doomed', statementTimeoutMs: 60_000 };
const deps = {
  database: new Database(settings, () => undefined),
  clock: new ManualClock(new Date(now)),
  settings: importerSettings,
  logger: createLogger({ level: 'silent', pretty: false }),
  metrics: new Metrics(),
};
await Array.fromAsync(runImports(deps, { isAsked: true, signal: new AbortController().signal }));
await deps.database.stop();
