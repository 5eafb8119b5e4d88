/** A partner on the reference server, as far as it pulls: its own reading of the wire, without any code of ours (reference 5.5). */
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../../proto', import.meta.url));

/** As proto-loader gives it. */
export interface DeployedKey {
  readonly exposureKey: Buffer;
  readonly transmissionRisk: number;
  readonly intervalNumber: number;
  readonly intervalCount: number;
  readonly reportType: string;
  readonly daysSinceOnsetOfSymptoms: number;
  readonly hasSymptomOnset: boolean;
  readonly traveler: boolean;
  readonly regions: readonly string[];
}

interface Cursor {
  readonly timestamp: string;
  readonly nextToken: string;
}

/** As it is kept between two runs. */
export interface DeployedState {
  readonly keyCursor: Cursor;
  readonly revisedKeyCursor: Cursor;
}

/** One answer. */
export interface DeployedPage {
  readonly keys: readonly DeployedKey[];
  readonly revisedKeys: readonly DeployedKey[];
  readonly partialResponse: boolean;
  readonly nextFetchState: DeployedState;
}

/** What a time that is not set is sent as: the first second of year 1. */
const unset: Cursor = { timestamp: '-62135596800', nextToken: '' };
/** The state of a query that has never run. */
export const newState: DeployedState = { keyCursor: unset, revisedKeyCursor: unset };

/** A query of a deployed partner. */
export class DeployedClient implements Disposable {
  readonly #client: grpc.Client;
  readonly #token: () => Promise<string>;
  readonly #request: object;
  /** Keys that it has stored, as hexadecimal digits, each once; later ones of the same bytes are skipped. */
  readonly keys = new Map<string, DeployedKey>();
  readonly revisedKeys = new Map<string, DeployedKey>();
  /** Keys that came, again or not. */
  received = 0;
  calls = 0;
  state = newState;

  /** @param request regions and flags of the query */
  constructor(target: string, token: () => Promise<string>, request: object = {}) {
    const loaded = grpc.loadPackageDefinition(
      loadSync('federation.proto', {
        includeDirs: [proto],
        keepCase: true,
        longs: String,
        enums: String,
        defaults: true,
      }),
    ) as unknown as { Federation: grpc.ServiceClientConstructor };
    this.#client = new loaded.Federation(target, grpc.credentials.createInsecure());
    this.#token = token;
    this.#request = { maxExposureKeys: 500, ...request };
  }

  /** One call; `authorization` instead of a good token when given. */
  async fetch(request: object = {}, authorization?: string): Promise<DeployedPage> {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', authorization ?? `Bearer ${await this.#token()}`);
    this.calls++;
    return await new Promise((resolve, reject) => {
      type Method = (
        request: object,
        metadata: grpc.Metadata,
        done: (error: grpc.ServiceError | null, page?: DeployedPage) => void,
      ) => void;
      const method = (this.#client as unknown as { Fetch: Method }).Fetch;
      method.call(this.#client, { ...this.#request, ...request }, metadata, (error, page) => {
        if (error !== null) reject(error);
        else resolve(page!);
      });
    });
  }

  /**
   * One run: fetches while answers are partial; the state is kept only at the end, and only when keys came.
   * @param crashAfter pages, after which it dies: the next run begins where the last whole one ended
   */
  async run({ crashAfter = Infinity }: { crashAfter?: number } = {}): Promise<void> {
    let state = this.state;
    let total = 0;
    for (let pages = 0, isPartial = true; isPartial; pages++) {
      if (pages === crashAfter) return;
      const page = await this.fetch({ state });
      for (const key of page.keys) keep(this.keys, key);
      for (const key of page.revisedKeys) keep(this.revisedKeys, key);
      total += page.keys.length + page.revisedKeys.length;
      this.received += page.keys.length + page.revisedKeys.length;
      state = page.nextFetchState;
      isPartial = page.partialResponse;
    }
    if (total > 0) this.state = state;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function keep(keys: Map<string, DeployedKey>, key: DeployedKey): void {
  const name = key.exposureKey.toString('hex');
  if (!keys.has(name)) keys.set(name, key);
}
