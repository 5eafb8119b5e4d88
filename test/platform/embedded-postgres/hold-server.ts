/** A process for tests to kill: starts a server in the folder that it is given, tells its URL and waits. */
import { startEmbeddedPostgres } from '../../../src/platform/embedded-postgres/start.ts';
import { createLogger } from '../../../src/platform/logger.ts';

process.on('SIGINT', () => process.stdout.write('interrupted\n'));
process.stdout.write('starting\n');
const server = await startEmbeddedPostgres({
  dataDir: process.argv[2] ?? '',
  logger: createLogger({ level: 'silent', pretty: false }),
});
process.stdout.write(`${server.url}\n`);
