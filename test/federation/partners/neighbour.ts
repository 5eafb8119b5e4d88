/** An authority in this process without phones: server, federation and gateway roles on loopback, a proxy before its federation port, and no job that runs by itself. */
import { randomBytes } from 'node:crypto';
import { parseConfiguration } from '../../../src/domain/configuration/parse-configuration.ts';
import type { ManualClock } from '../../../src/platform/clock.ts';
import { hostAndPort } from '../../../src/platform/config/address.ts';
import { startFederation } from '../../../src/federation/start.ts';
import { readValuesFor } from '../../../src/platform/config/load-for-roles.ts';
import { openJobQueue } from '../../../src/platform/jobs.ts';
import { openKeyManager } from '../../../src/platform/key-manager/open.ts';
import { keyManagerSettings } from '../../../src/platform/key-manager/settings.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { startRoles, type Role } from '../../../src/roles.ts';
import type { Database } from '../../../src/storage/database.ts';
import { runCommand, type CommandResult } from '../../cli/run-command.ts';
import { freePorts } from '../../../src/cli/demo/free-ports.ts';
import { temporaryFolder } from '../../support/export-file.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';

const roles: ReadonlySet<Role> = new Set(['server', 'federation', 'gateway']);
/** The federation role is started without its jobs, beside the others. */
const ordinary: ReadonlySet<Role> = new Set(['server', 'gateway']);

/** A running authority. */
export interface Neighbour extends AsyncDisposable {
  readonly name: string;
  readonly issuer: string;
  readonly database: Database;
  /** Partners come this way, and it can be cut. */
  readonly link: TcpProxy;
  /** HOST:PORT for operators. */
  readonly target: string;
  /** For `enmesh doctor`, which looks at more than its roles. */
  readonly env: Readonly<Record<string, string>>;
  /** What its roles have logged. */
  readonly lines: readonly Record<string, unknown>[];
  /** Metrics of its federation role, as text. */
  metrics(): Promise<string>;
  /** Runs `enmesh federation …` against it. */
  run(...words: string[]): Promise<CommandResult>;
  /** The same with `--json`, and what it printed. */
  json(...words: string[]): Promise<Record<string, unknown>>;
  /** A member of another's `partners`. */
  asPartner(rules: object): object;
  /** Starts it with these partners; one that runs is stopped before. */
  start(partners: readonly object[]): Promise<void>;
  stop(): Promise<void>;
  /** Puts in keys that were published here in the last closed window. */
  addKeys(count: number, change?: { readonly firstByte?: number; readonly regions?: readonly string[] }): Promise<void>;
  /** How many keys are stored. */
  countKeys(): Promise<number>;
}

/** Prepares one; its region is its name in upper case. Use it with `await using`. */
export async function openNeighbour(
  name: string,
  clock: ManualClock,
  settings: Readonly<Record<string, string>> = {},
): Promise<Neighbour> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(await temporaryFolder());
  const { url, database } = closing.use(await createTestDatabase({ now: clock.now() }));
  const [gateway, federation] = await freePorts(2);
  const link = closing.use(await TcpProxy.open(federation!));
  const issuer = `http://127.0.0.1:${gateway}`;
  const env = {
    ENMESH_DATABASE_URL: url,
    ENMESH_DATA_DIR: folder.path,
    ENMESH_CREATE_KEYS: 'true',
    ENMESH_REVISION_TOKEN_KEY: 'revision-token',
    ENMESH_REVISION_TOKEN_AAD: randomBytes(32).toString('base64'),
    ENMESH_GATEWAY_ADDRESS: `127.0.0.1:${gateway}`,
    ENMESH_GRPC_ADDRESS: '127.0.0.1:0',
    ENMESH_FEDERATION_ADDRESS: `127.0.0.1:${federation}`,
    ENMESH_FEDERATION_TARGET: `127.0.0.1:${federation}`,
    ENMESH_METRICS_ADDRESS: '127.0.0.1:0',
    ENMESH_IDENTITY_ISSUER: issuer,
    ENMESH_UNSAFE_LOOPBACK: 'true',
    ENMESH_FEDERATION_INTERVAL: '1d',
    ENMESH_STOP_DRAIN: '0s',
    ...settings,
  };
  const values = await readValuesFor(env, { roles, isDev: false });
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  const logger = createLogger({ level: 'info', pretty: false, destination });
  const jobQueue = await openJobQueue(url);
  closing.defer(async () => await jobQueue.stop());
  const keyManager = await openKeyManager(keyManagerSettings(values));
  const kept = closing.move();
  let metrics = new Metrics();
  let running = new AsyncDisposableStack();
  const stop = async (): Promise<void> => {
    const ending = running;
    running = new AsyncDisposableStack();
    await ending.disposeAsync();
  };
  const target = hostAndPort(values.ENMESH_FEDERATION_ADDRESS);
  const run = async (...words: string[]): Promise<CommandResult> =>
    await runCommand(['federation', ...words, '--server', target]);
  return {
    name,
    issuer,
    database,
    link,
    target,
    env,
    lines,
    metrics: async () => (await metrics.render()).body,
    run,
    json: async (...words) => JSON.parse((await run(...words, '--json')).stdout) as Record<string, unknown>,
    asPartner: (rules) => ({
      name,
      address: `127.0.0.1:${link.port}`,
      identity: { issuer, subject: 'federation', audience: 'https://partners.example' },
      ourAudience: 'https://partners.example',
      ...rules,
    }),
    start: async (partners) => {
      await stop();
      const configuration = parseConfiguration({ partners });
      const others = await startRoles({ roles: ordinary, values, logger, configuration, isDev: true, clock });
      running.defer(async () => await others.stop());
      metrics = new Metrics();
      const isReady = () => Promise.resolve(true);
      const role = await startFederation(values, { database, clock, logger, metrics, keyManager, jobQueue, isReady });
      running.defer(async () => await role.stop());
    },
    stop,
    addKeys: async (count, { firstByte = 1, regions = [name.toUpperCase()] } = {}) => {
      await database.query(
        `insert into exposures (key, created_at, interval_start, interval_count, transmission_risk, report_type, traveler, regions)
         select set_byte(decode(md5(i::text), 'hex'), 0, $2), (select closed_through from window_state) - interval '1 hour',
                (extract(epoch from $3::timestamptz) / 600)::integer - 300, 144, 2, 1, false, $4
           from generate_series(1, $1) as i`,
        [count, firstByte, clock.now(), regions],
      );
    },
    countKeys: async () => {
      const { rows } = await database.query<{ keys: number }>('select count(*)::integer as keys from exposures');
      return rows[0]!.keys;
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await kept.disposeAsync();
    },
  };
}
