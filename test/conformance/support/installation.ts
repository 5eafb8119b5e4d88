/** The whole way of a publish in one process: HTTP → gateway → gRPC → server → PostgreSQL, at a time that the test sets. */
import type { KeyManager } from '../../../src/platform/key-manager/key-manager.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import type { PublishSettings } from '../../../src/server/publish/service.ts';
import { createPublishService } from '../../../src/server/publish/service.ts';
import { createStatsService } from '../../../src/server/stats/service.ts';
import type { Database } from '../../../src/storage/database.ts';
import { setTruncateWindow } from '../../../src/storage/windows.ts';
import type { ManualClock } from '../../../src/platform/clock.ts';
import type { GatewaySettings } from '../../../src/gateway/start.ts';
import { ask, openGateway, type Answer } from '../../gateway/support/gateway.ts';
import { makePublisher, now, publishSettings } from '../../server/publish/publisher.ts';
import { insertAuthority, type Authority, type AuthorityOptions } from '../../support/authority.ts';
import type { PublishOptions } from '../../support/phone.ts';
import { toldBy, type Told } from './told.ts';

/** What differs from an installation with all its defaults. */
export interface InstallationOptions {
  readonly settings?: Partial<PublishSettings>;
  readonly gateway?: Partial<GatewaySettings>;
  /** Puts something in front of the key manager. */
  readonly keyManager?: (real: KeyManager) => KeyManager;
  /** The present; that of the other tests of publishing when not given. */
  readonly now?: Date;
}

/** Reference 7 and 9.1, but for the embargo: see decision 12. */
const statsSettings = {
  audience: 'keyserver',
  uploadMinimum: 10,
  embargoSeconds: 3_600,
  retentionSeconds: 14 * 86_400,
  leewaySeconds: 60,
};

/** A running installation. */
export interface Installation extends AsyncDisposable {
  readonly port: number;
  readonly database: Database;
  readonly clock: ManualClock;
  readonly keyManager: KeyManager;
  /** An authority with an app of its own, so that cases do not meet. */
  authority(options?: AuthorityOptions): Promise<Authority>;
  /** Anything to any path. */
  ask(path: string, options?: Parameters<typeof ask>[2]): Promise<Answer>;
  /** A publish; text and bytes go as they are. The answer's shape is checked. */
  publish(body: object | string | Buffer, headers?: Record<string, string>): Promise<Told>;
  /** A publish by an authority's phone at the clock's time. */
  publishBy(authority: Authority, options?: Partial<PublishOptions>): Promise<Told>;
}

/** Starts it; use it with `await using`. */
export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const publisher = await makePublisher();
  const { database, clock } = publisher;
  await begin(database, clock, options);
  const settings = { ...publishSettings, ...options.settings };
  const service = createPublishService({
    ...publisher,
    keyManager: options.keyManager?.(publisher.keyManager) ?? publisher.keyManager,
    settings,
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
  });
  const stats = createStatsService({ database, clock, settings: { ...statsSettings, ...settings } });
  const gateway = await openGateway({
    publish: (request, context) => service.publish(request, context),
    stats: (request, context) => stats.getStats(request, context),
    ...(options.gateway === undefined ? {} : { settings: options.gateway }),
  });
  const publish = async (body: object | string | Buffer, headers: Record<string, string> = {}): Promise<Told> => {
    const sent = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { 'content-type': 'application/json', ...headers };
    return toldBy(await ask(gateway, '/v1/publish', { method: 'POST', headers: all, body: sent }));
  };
  let count = 0;
  return {
    port: gateway.port,
    database,
    clock,
    keyManager: publisher.keyManager,
    authority: (change = {}) => {
      const number = String(++count);
      const names = { issuer: `https://ha${number}.example.org`, appId: `org.example.app${number}` };
      return insertAuthority(database, { ...names, ...change });
    },
    ask: (path, request) => ask(gateway, path, request),
    publish,
    publishBy: ({ phone }, change = {}) => publish(phone.publishBody({ now: clock.now(), ...change })),
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await publisher[Symbol.asyncDispose]();
    },
  };
}

/** Moves the installation to its present, with windows closed up to shortly before. */
async function begin(database: Database, clock: ManualClock, options: InstallationOptions): Promise<void> {
  const { now: present = now, settings = {} } = options;
  const { truncateSeconds = publishSettings.truncateSeconds } = settings;
  await setTruncateWindow(database, truncateSeconds);
  const closed = `update window_state set closed_through = window_start($1, $2) - $2 * interval '1 second'`;
  await database.query(closed, [present, truncateSeconds]);
  clock.set(present);
}
