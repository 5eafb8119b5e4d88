/** A server that answers Fetch exactly as the deployed one does, faults included (reference 5.3); without generated code. */
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A key that it has. */
export interface DeployedKey {
  readonly key: Buffer;
  /** Seconds since 1970. */
  readonly createdAt: number;
  readonly intervalNumber: number;
  readonly regions: readonly string[];
  /** Number on the wire; CONFIRMED_TEST when not given. */
  readonly reportType?: number;
  readonly onset?: number;
  /** Seconds since 1970; absent = it was never revised. */
  readonly revisedAt?: number;
}

/** A cursor on the wire. */
export interface WireCursor {
  readonly timestamp: string;
  readonly nextToken: string;
}

/** A request on the wire. */
export interface WireRequest {
  readonly includeRegions: readonly string[];
  readonly excludeRegions: readonly string[];
  readonly onlyTravelers: boolean;
  readonly onlyLocalProvenance: boolean;
  readonly maxExposureKeys: number;
  readonly state: { readonly keyCursor: WireCursor | null; readonly revisedKeyCursor: WireCursor | null } | null;
}

/** A running server. */
export interface DeployedServer extends AsyncDisposable {
  readonly port: number;
  /** May be changed at any time. */
  keys: readonly DeployedKey[];
  /** The start of the window that is open, in seconds since 1970. */
  window: number;
  readonly requests: WireRequest[];
  /** Metadata `authorization` of the calls. */
  readonly authorizations: string[];
  /** Takes the place of an answer. */
  answerWith: ((request: WireRequest) => object) | undefined;
}

const unset = -62_135_596_800;
const mostKeys = 500;

interface Pass {
  readonly rows: readonly DeployedKey[];
  readonly isPartial: boolean;
  readonly timestamp: number;
}

/** Starts it; use it with `await using`. */
export async function startDeployedServer(): Promise<DeployedServer> {
  const definition = loadSync(join(import.meta.dirname, '../../../proto/federation.proto'), {
    keepCase: true,
    longs: String,
    defaults: true,
  });
  const service = (definition as unknown as Record<string, grpc.ServiceDefinition>)['Federation']!;
  const server = new grpc.Server();
  const deployed = {
    keys: [] as readonly DeployedKey[],
    window: 0,
    requests: [] as WireRequest[],
    authorizations: [] as string[],
    answerWith: undefined as DeployedServer['answerWith'],
  };
  server.addService(service, {
    Fetch: (call: grpc.ServerUnaryCall<WireRequest, object>, callback: grpc.sendUnaryData<object>) => {
      const { request } = call;
      deployed.requests.push(request);
      deployed.authorizations.push(...call.metadata.get('authorization').map(String));
      const { state } = request;
      // No recovery: the process dies of a state that lacks a cursor.
      if (state !== null && (state.keyCursor === null || state.revisedKeyCursor === null)) server.forceShutdown();
      else callback(null, (deployed.answerWith ?? ((asked) => fetch(deployed, asked)))(request));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return Object.assign(deployed, {
    port,
    [Symbol.asyncDispose]: () => {
      server.forceShutdown();
      return Promise.resolve();
    },
  });
}

function fetch({ keys, window }: Pick<DeployedServer, 'keys' | 'window'>, request: WireRequest): object {
  const most = request.maxExposureKeys > 0 ? Math.min(mostKeys, request.maxExposureKeys) : mostKeys;
  const asked = {
    key: Number(request.state?.keyCursor?.timestamp ?? 0),
    revised: Number(request.state?.revisedKeyCursor?.timestamp ?? 0),
  };
  const seen = inRegions(keys, request.includeRegions);
  const first = pass(seen, { time: (row) => row.createdAt, after: asked.key, window, limit: most });
  const left = most - first.rows.length;
  const second =
    left === 0
      ? { rows: [], isPartial: false, timestamp: asked.revised }
      : pass(seen, { time: (row) => row.revisedAt, after: asked.revised, window, limit: left });
  const isPartial = first.isPartial || second.isPartial;
  let keyTime = first.timestamp;
  let revisedTime = second.timestamp;
  if ((!isPartial || second.rows.length > 0) && window > keyTime) keyTime += 1;
  if (!isPartial && first.rows.length > 0 && window > revisedTime) revisedTime += 1;
  return {
    keys: first.rows.map((row) => toWire(row, row.reportType ?? 1)),
    revisedKeys: second.rows.map((row) => toWire(row, 5)),
    partialResponse: isPartial,
    nextFetchState: {
      // The token that it goes on with is empty on success.
      keyCursor: { timestamp: keyTime, nextToken: '' },
      revisedKeyCursor: { timestamp: revisedTime, nextToken: '' },
    },
  };
}

function pass(
  keys: readonly DeployedKey[],
  range: {
    readonly time: (row: DeployedKey) => number | undefined;
    readonly after: number;
    readonly window: number;
    readonly limit: number;
  },
): Pass {
  const { time, after, window, limit } = range;
  const rows = keys
    .filter((row) => {
      const at = time(row);
      return at !== undefined && (after === unset || at >= after) && at < window;
    })
    .toSorted((a, b) => time(a)! - time(b)!)
    .slice(0, limit);
  return { rows, isPartial: rows.length === limit, timestamp: Math.max(after, ...rows.map((row) => time(row)!)) };
}

/** Its region filter works for exactly one region (reference 12.1). */
function inRegions(keys: readonly DeployedKey[], regions: readonly string[]): readonly DeployedKey[] {
  return regions.length === 1 ? keys.filter((row) => row.regions.includes(regions[0]!)) : keys;
}

function toWire({ key, intervalNumber, regions, onset }: DeployedKey, reportType: number): object {
  return {
    exposureKey: key,
    transmissionRisk: 2,
    intervalNumber,
    intervalCount: 144,
    reportType,
    daysSinceOnsetOfSymptoms: onset ?? 0,
    hasSymptomOnset: onset !== undefined,
    traveler: false,
    regions,
  };
}
