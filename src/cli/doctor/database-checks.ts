/** The database: reachable, new enough, migrated, of one mind with the environment about time and windows. */
import { Database } from '../../storage/database.ts';
import { inspectServer, inspectWindows, type DatabaseServer } from '../../storage/inspection.ts';
import { pendingMigrations } from '../../storage/migrate.ts';
import type { Io } from '../io.ts';
import { formatTime } from '../table.ts';
import type { Installation } from './environment-checks.ts';
import { attempt, failed, ok, skipped, type Finding } from './finding.ts';

const oldestMajor = 13;
const toleratedClockMs = 5_000;
const reachCure = 'start PostgreSQL, or correct ENMESH_DATABASE_URL: host, port, user, password, database name';

/** Runs the checks, and `work` while the database is open and migrated. */
export async function checkDatabase(
  io: Io,
  installation: Installation,
  work: (database: Database) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  const { databaseUrl: url } = installation;
  if (url === undefined) {
    const cause = `ENMESH_DATABASE_URL is not set and no \`enmesh dev\` runs in ${installation.values.ENMESH_DATA_DIR ?? '.enmesh'}`;
    return [failed('database', cause, 'set it, or start `enmesh dev`')];
  }
  const database = new Database(
    { url, poolSize: 2, applicationName: 'enmesh doctor', statementTimeoutMs: 10_000 },
    () => undefined,
  );
  try {
    const findings = [...(await attempt('database', reachCure, () => checkServer(io, database, url)))];
    if (findings.some(({ status }) => status === 'failed')) return [...findings, skippedSchema()];
    findings.push(...(await attempt('migrations', 'run `enmesh migrate`', () => checkMigrations(installation))));
    if (findings.at(-1)?.status === 'failed') return findings;
    findings.push(...(await attempt('windows', 'run `enmesh migrate`', () => checkWindows(database, installation))));
    return [...findings, ...(await work(database))];
  } finally {
    await database.stop();
  }
}

function skippedSchema(): Finding {
  return skipped('migrations', 'waits for the database');
}

async function checkServer(io: Io, database: Database, url: string): Promise<readonly Finding[]> {
  // The first answer waits for the connection: only the second one's time says something about clocks.
  await inspectServer(database);
  const asked = io.clock.now().getTime();
  const server = await inspectServer(database);
  const middle = (asked + io.clock.now().getTime()) / 2;
  return [checkVersion(server, url), checkClocks(server.now.getTime() - middle)];
}

function checkVersion({ version, major }: DatabaseServer, url: string): Finding {
  const { host } = new URL(url);
  if (major >= oldestMajor) return ok('database', `PostgreSQL ${version} at ${host}`);
  const cause = `PostgreSQL ${version} at ${host} is too old`;
  return failed('database', cause, `upgrade it to ${String(oldestMajor)} or later`);
}

function checkClocks(aheadMs: number): Finding {
  const apart = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s`;
  if (Math.abs(aheadMs) < toleratedClockMs) return ok('clocks', `the database and this machine are ${apart} apart`);
  const direction = aheadMs > 0 ? 'ahead of' : 'behind';
  return failed('clocks', `the database is ${apart} ${direction} this machine`, 'let both follow a time server (NTP)');
}

async function checkMigrations({ directUrl }: Installation): Promise<Finding> {
  const pending = await pendingMigrations(directUrl ?? '');
  if (pending.length === 0) return ok('migrations', 'the schema is up to date');
  return failed('migrations', `not applied: ${pending.join(', ')}`, 'run `enmesh migrate`');
}

async function checkWindows(database: Database, { values }: Installation): Promise<Finding> {
  const windows = await inspectWindows(database);
  if (windows === undefined) return failed('windows', 'the database has no window state', 'restore its row');
  const wanted = values.ENMESH_TRUNCATE_WINDOW;
  const found = `windows of ${String(windows.seconds)} s, closed through ${formatTime(windows.closedThrough)}`;
  if (windows.seconds === wanted) return ok('windows', found);
  const cure = 'give every role the same ENMESH_TRUNCATE_WINDOW and start the server role again';
  return failed('windows', `${found}, but ENMESH_TRUNCATE_WINDOW is ${String(wanted)} s`, cure);
}
