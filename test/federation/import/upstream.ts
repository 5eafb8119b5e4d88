/** Another authority's server over real HTTP, and an importer on a real database whose clock stands still. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ImportDeps, ImportSettings } from '../../../src/federation/import/settings.ts';
import { runImports, type RunOptions } from '../../../src/federation/import/run.ts';
import { ManualClock } from '../../../src/platform/clock.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { Metrics } from '../../../src/platform/metrics.ts';
import { importStates, type ImportState } from '../../../src/storage/imports/imports.ts';
import { sampleSigner, type SampleSigner } from '../../support/export-file.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { importerSettings } from './settings.ts';

/** Two days after the sample rows' keys ended. */
export const NOW = new Date('2020-05-20T10:11:00Z');

/** What a path answers: bytes, a status, or whatever the test does. */
export type Answer = Buffer | string | number | ((response: ServerResponse) => void);

/** A running server. */
export interface Upstream extends AsyncDisposable {
  readonly url: string;
  /** Path without its first slash → answer; 404 for every other. */
  readonly answers: Map<string, Answer>;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Puts files there and lists them, in this order. */
  publish(files: Readonly<Record<string, Answer>>): void;
}

/** Starts it; use it with `await using`. */
export async function startUpstream(): Promise<Upstream> {
  const answers = new Map<string, Answer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url!.slice(1);
    asked.push(path);
    const answer = answers.get(path) ?? 404;
    if (typeof answer === 'function') answer(response);
    else if (typeof answer === 'number') response.writeHead(answer).end('<html>error</html>');
    else response.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/`,
    answers,
    asked,
    publish: (files) => {
      answers.set('index.txt', Object.keys(files).join('\n'));
      for (const [name, answer] of Object.entries(files)) answers.set(name, answer);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** An importer. */
export interface Importer extends AsyncDisposable {
  readonly deps: ImportDeps;
  readonly clock: ManualClock;
  readonly databaseUrl: string;
  /** Signs what its imports trust. */
  readonly signer: SampleSigner;
  /** Configures an import; returns its id. */
  add(
    upstreamUrl: string,
    options?: { name?: string; region?: string; traveler?: boolean; from?: Date; thru?: Date },
  ): Promise<number>;
  /** Runs everything as an operator would. */
  run(name?: string): Promise<void>;
  /** Runs what is due, as the schedule would. */
  tick(options?: Pick<RunOptions, 'fileLimitMs'>): Promise<void>;
  state(name?: string): Promise<ImportState>;
}

/** Opens it; use it with `await using`. */
export async function openImporter(settings: Partial<ImportSettings> = {}): Promise<Importer> {
  const { database, url, [Symbol.asyncDispose]: drop } = await createTestDatabase({ now: NOW });
  const clock = new ManualClock(NOW);
  const signer = sampleSigner();
  const deps: ImportDeps = {
    database,
    clock,
    settings: { ...importerSettings, ...settings },
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
  };
  const { signal } = new AbortController();
  return {
    deps,
    clock,
    databaseUrl: url,
    signer,
    add: async (
      upstreamUrl,
      { name = 'cc', region = 'CC', traveler = false, from = new Date(0), thru = null } = {},
    ) => {
      const { rows } = await database.query<{ id: number }>(
        `insert into imports (name, index_url, base_url, region, traveler)
         values ($1, $2 || 'index.txt', $2, $3, $4) returning id`,
        [name, upstreamUrl, region, traveler],
      );
      await database.query(
        `insert into import_public_keys (import_id, key_id, key_version, public_key_pem, valid_from, valid_thru)
         values ($1, '310', 'v1', $2, $3, $4)`,
        [rows[0]!.id, signer.publicKeyPem, from, thru],
      );
      return rows[0]!.id;
    },
    run: async (name) => {
      await Array.fromAsync(runImports(deps, { ...(name === undefined ? {} : { name }), isAsked: true, signal }));
    },
    tick: async (options) => {
      await Array.fromAsync(runImports(deps, { ...options, isAsked: false, signal }));
    },
    state: async (name = 'cc') => (await importStates(database, { name }))[0]!,
    [Symbol.asyncDispose]: drop,
  };
}

/** A stored key, as tests look at it. */
export interface StoredKeyRow {
  readonly key: Buffer;
  readonly created_at: Date;
  readonly revised_at: Date | null;
  readonly report_type: number;
  readonly revised_report_type: number | null;
  readonly transmission_risk: number;
  readonly days_since_onset: number | null;
  readonly regions: string[];
  readonly traveler: boolean;
  readonly import_id: number | null;
  readonly provenance: string[] | null;
}

/** All keys, in key order. */
export async function storedKeys({ deps }: Importer): Promise<readonly StoredKeyRow[]> {
  return (await deps.database.query<StoredKeyRow & Record<string, unknown>>('select * from exposures order by key'))
    .rows;
}
