/** One PostgreSQL for the whole run, with a migrated database that every test clones. */
import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres/start.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { runSql, withDatabaseName } from './sql.ts';

/** More than the server ever has at a time, with its log. */
const enoughBytes = 4 * 1024 ** 3;

declare module 'vitest' {
  interface ProvidedContext {
    /** A URL that may create databases. */
    readonly postgresUrl: string;
    /** Name of the migrated database. */
    readonly templateDatabase: string;
  }
}

/** Runs before all tests; what it returns runs after them. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  // What tests start in processes of their own is compiled once.
  process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '../../node_modules/.cache/enmesh');
  const server = await startServer();
  const template = `enmesh_template_${randomUUID().replaceAll('-', '')}`;
  const tearDown = async () => {
    try {
      await runSql(server.url, `drop database if exists ${template} with (force)`);
    } finally {
      await server.stop();
    }
  };
  try {
    await runSql(server.url, `create database ${template}`);
    await migrate(withDatabaseName(server.url, template));
  } catch (error) {
    await tearDown();
    throw error;
  }
  project.provide('postgresUrl', server.url);
  project.provide('templateDatabase', template);
  return tearDown;
}

async function startServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const given = process.env['ENMESH_TEST_DATABASE_URL'] ?? process.env['ENMESH_DATABASE_URL'];
  if (given !== undefined) return { url: given, stop: () => Promise.resolve() };
  const dataDir = await mkdtemp(join(await roomyFolder(), 'enmesh-test-'));
  // Started by root, the server runs as another user, who must get in; its own folder is closed to everybody else.
  await chmod(dataDir, 0o755);
  const remove = () => rm(dataDir, { recursive: true, force: true });
  const logger = createLogger({ level: 'warn', pretty: false });
  const server = await startEmbeddedPostgres({ dataDir, logger, durable: false }).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await remove();
    },
  };
}

/** Where memory has room for databases that nobody keeps, there: thousands are made and dropped. */
async function roomyFolder(): Promise<string> {
  const inMemory = '/dev/shm';
  const { bavail, bsize } = await statfs(inMemory).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize > enoughBytes && process.availableMemory() > 2 * enoughBytes ? inMemory : tmpdir();
}
