/** One authority of a network of several in this process: every role, a database, a configuration and an issuer of its own, partners over TLS. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfiguration } from '../../src/domain/configuration/parse-configuration.ts';
import { AppError } from '../../src/domain/errors.ts';
import { ExportServiceDefinition } from '../../src/gen/enmesh/export/v1/export.ts';
import { PartnerServiceDefinition, type Partner } from '../../src/gen/enmesh/federation/v1/partners.ts';
import type { ManualClock } from '../../src/platform/clock.ts';
import { hostAndPort } from '../../src/platform/config/address.ts';
import { readValuesFor } from '../../src/platform/config/load-for-roles.ts';
import type { Values } from '../../src/platform/config/load.ts';
import { createGrpcClient, type GrpcClient, type ServiceDefinition } from '../../src/platform/grpc/client.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { roleNames, startRoles, type RunningRoles } from '../../src/roles.ts';
import type { Database } from '../../src/storage/database.ts';
import type { TestCa } from '../platform/grpc/certificates.ts';
import { downloadFile, readIndex } from '../support/download.ts';
import { freePorts } from '../../src/cli/demo/free-ports.ts';
import { temporaryFolder } from '../support/export-file.ts';
import { post, type Answer } from '../support/installed.ts';
import { makePhone, type Phone, type PublishOptions } from '../support/phone.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { readPublishedFile, type PublishedFile } from '../support/published-file.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

/** What all authorities of a network have in common. */
export interface World {
  readonly clock: ManualClock;
  /** Signs the certificates of their federation ports. */
  readonly ca: TestCa;
}

/** What differs. */
export interface AuthorityOptions {
  /** `aa` also is its region AA, its export and its app's. */
  readonly name: string;
  /** Regions that its export takes in; its own alone when not given. */
  readonly exportedRegions?: readonly string[];
  readonly settings?: NodeJS.ProcessEnv;
}

const verifier = { issuer: 'https://verify.example.org', audience: 'test', kid: 'v1' };
const audience = (name: string): string => `https://${name}.example`;
const operatorToken = 'operator-token-of-the-test';

interface Parts {
  readonly database: Database;
  readonly link: TcpProxy;
  readonly values: Values;
  readonly closing: AsyncDisposableStack;
}

/** A member of `partners` but for what follows from who they are. */
export type PartnerRules = Record<string, unknown>;

/** A running authority. */
export class Authority implements AsyncDisposable {
  readonly name: string;
  readonly database: Database;
  readonly phone: Phone;
  /** Stands before the federation port: partners go through it, and it can be cut. */
  readonly link: TcpProxy;
  readonly #options: AuthorityOptions;
  readonly #world: World;
  readonly #values: Values;
  readonly #authorityPem: string;
  readonly #closing: AsyncDisposableStack;
  #running: RunningRoles | undefined;
  #partners: readonly object[] = [];

  private constructor(parts: Parts, options: AuthorityOptions, world: World) {
    this.name = options.name;
    this.#options = options;
    this.#world = world;
    this.database = parts.database;
    this.link = parts.link;
    this.#values = parts.values;
    this.#closing = parts.closing;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#authorityPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    this.phone = makePhone({ ...verifier, appId: `org.example.${this.name}`, privateKey });
  }

  /** Opens what it needs; {@link start} starts it. */
  static async open(world: World, options: AuthorityOptions): Promise<Authority> {
    await using closing = new AsyncDisposableStack();
    const folder = closing.use(await temporaryFolder());
    const { url, database } = closing.use(await createTestDatabase({ now: world.clock.now() }));
    const [gateway, federation] = await freePorts(2);
    const link = closing.use(await TcpProxy.open(federation!));
    const tls = world.ca.issue({ dns: ['localhost'] });
    const file = async (name: string, content: string): Promise<string> => {
      const path = join(folder.path, name);
      await writeFile(path, content, { mode: 0o600 });
      return path;
    };
    const [ca, cert, key] = await Promise.all([
      file('ca.pem', world.ca.cert),
      file('tls.pem', tls.cert),
      file('tls.key', tls.key),
    ]);
    const env = {
      ENMESH_DATABASE_URL: url,
      ENMESH_DATA_DIR: folder.path,
      ENMESH_CREATE_KEYS: 'true',
      ENMESH_REVISION_TOKEN_KEY: 'revision-token',
      ENMESH_REVISION_TOKEN_AAD: randomBytes(32).toString('base64'),
      ENMESH_GATEWAY_ADDRESS: `127.0.0.1:${gateway}`,
      ENMESH_GRPC_ADDRESS: 'localhost:0',
      ENMESH_EXPORT_ADDRESS: 'localhost:0',
      ENMESH_FEDERATION_ADDRESS: `localhost:${federation}`,
      ENMESH_METRICS_ADDRESS: '127.0.0.1:0',
      ENMESH_CALLER_TOKENS: `${operatorToken}=operate`,
      ENMESH_CLIENT_TOKEN: operatorToken,
      ENMESH_CLIENT_TLS_CA: ca,
      ENMESH_FEDERATION_CA: ca,
      ...Object.fromEntries(
        ['GRPC', 'EXPORT', 'FEDERATION'].flatMap((port) => [
          [`ENMESH_${port}_TLS_CERT`, cert],
          [`ENMESH_${port}_TLS_KEY`, key],
        ]),
      ),
      ENMESH_IDENTITY_ISSUER: `http://127.0.0.1:${gateway}`,
      ENMESH_UNSAFE_LOOPBACK: 'true',
      ENMESH_UNSAFE_SHORT_WINDOWS: 'true',
      // Nothing happens by itself: a test says when.
      ENMESH_FEDERATION_INTERVAL: '1d',
      ENMESH_EXPORT_INTERVAL: '1d',
      ENMESH_EXPORT_MIN_WINDOW_AGE: '0s',
      ENMESH_EXPORT_MIN_RECORDS: '0',
      ENMESH_EXPORT_PADDING_RANGE: '0',
      ENMESH_STOP_DRAIN: '0s',
      ...options.settings,
    };
    const values = await readValuesFor(env, { roles: new Set(roleNames), isDev: false });
    return new Authority({ database, link, values, closing: closing.move() }, options, world);
  }

  get gatewayUrl(): string {
    return `http://${hostAndPort(this.#values.ENMESH_GATEWAY_ADDRESS)}`;
  }

  /** What stands in the paths of keys that came through it. */
  get id(): string {
    return `${this.gatewayUrl}#federation`;
  }

  /** A member of another authority's `partners`. */
  asPartner(of: Authority, rules: PartnerRules): object {
    return {
      name: this.name,
      address: `localhost:${this.link.port}`,
      identity: { issuer: this.gatewayUrl, subject: 'federation', audience: audience(of.name) },
      ourAudience: audience(this.name),
      ...rules,
    };
  }

  /** Starts it with these partners, or with those that it had. */
  async start(partners: readonly object[] = this.#partners): Promise<void> {
    this.#partners = partners;
    this.#running = await startRoles({
      roles: new Set(roleNames),
      values: this.#values,
      logger: createLogger({ level: process.env['TEST_LOG'] ?? 'silent', pretty: false }),
      configuration: parseConfiguration(this.#configuration()),
      // The configuration is applied at every start.
      isDev: true,
      clock: this.#world.clock,
    });
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.stop();
  }

  /** What a kill leaves: every connection of the database and of partners ends where it is. */
  async crash(): Promise<void> {
    this.link.cut();
    await this.database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'enmesh'`,
    );
    await this.stop();
  }

  /** Posts to its gateway as a phone does. */
  async publish(options: Omit<PublishOptions, 'now'> = {}): Promise<Answer> {
    return await post(this.gatewayUrl, this.phone.publishBody({ now: this.#world.clock.now(), ...options }));
  }

  /** Pulls from one partner, or all; where each stands then. */
  async pull(name = ''): Promise<readonly Partner[]> {
    return await this.#call(PartnerServiceDefinition, 'federation', async (client) => {
      const steps = await Array.fromAsync(client.pull({ name }));
      return steps.flatMap(({ partner, isDone }) => (isDone && partner ? [partner] : []));
    });
  }

  /** Pushes to one partner, or all; where each stands then. */
  async push(name = ''): Promise<readonly Partner[]> {
    return await this.#call(PartnerServiceDefinition, 'federation', async (client) => {
      const steps = await Array.fromAsync(client.push({ name }));
      return steps.flatMap(({ partner, isDone }) => (isDone && partner ? [partner] : []));
    });
  }

  async partners(): Promise<readonly Partner[]> {
    return await this.#call(PartnerServiceDefinition, 'federation', async (client) => {
      const { partners } = await client.listPartners({ name: '' });
      return partners;
    });
  }

  /** Builds what is due; everything that phones of it download, read with none of the product's code. */
  async export(): Promise<readonly PublishedFile[]> {
    const pem = await this.#call(ExportServiceDefinition, 'export', async (client) => {
      await Array.fromAsync(client.run({ name: '' }));
      const { key } = await client.getSigningKey({ name: 'main' });
      return key?.versions[0]?.publicKeyPem ?? '';
    });
    const names = await readIndex(this.gatewayUrl, this.name);
    return await Promise.all(
      names.map(async (name) => await readPublishedFile(await downloadFile(this.gatewayUrl, name), pem)),
    );
  }

  /** Connections are made anew for each call; on a busy machine one may take longer than a call waits. */
  async #call<Definition extends ServiceDefinition, Result>(
    definition: Definition,
    role: 'federation' | 'export',
    work: (client: GrpcClient<Definition>['client']) => Promise<Result>,
  ): Promise<Result> {
    const settings = { tls: { ca: this.#world.ca.cert }, token: operatorToken };
    const { client, close } = createGrpcClient(definition, hostAndPort(this.#running!.addresses[role]!), settings);
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work(client);
        } catch (error) {
          if (!(error instanceof AppError) || error.kind !== 'unavailable' || attempt === 10) throw error;
        }
      }
    } finally {
      close();
    }
  }

  #configuration(): object {
    const region = this.name.toUpperCase();
    return {
      healthAuthorities: [
        {
          issuer: verifier.issuer,
          audience: verifier.audience,
          name: 'Example Health',
          keys: [{ version: verifier.kid, publicKeyPem: this.#authorityPem, from: '2020-01-01T00:00:00Z' }],
        },
      ],
      apps: [{ id: this.phone.appId, regions: [region], healthAuthorities: [verifier.issuer] }],
      signingKeys: [{ name: 'main', key: 'export-signing', keyId: '310', keyVersion: 'v1' }],
      exports: [
        {
          name: this.name,
          bucket: 'exports',
          filenameRoot: this.name,
          outputRegion: region,
          inputRegions: this.#options.exportedRegions ?? [region],
          period: '1h',
          signingKeys: ['main'],
        },
      ],
      partners: this.#partners,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#closing.disposeAsync();
  }
}
