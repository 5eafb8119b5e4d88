/** Mirrors without their ports: database, blob store and other authorities' servers are real, the clock stands still. */
import { join } from 'node:path';
import { runMirror, type MirrorOutcome } from '../../src/export/mirror/run.ts';
import type { MirrorDeps, MirrorSettings } from '../../src/export/mirror/settings.ts';
import type { MirrorRunOptions } from '../../src/export/mirror/work.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { openBlobStore } from '../../src/storage/blob/open.ts';
import { readMirrorStates, type MirrorState } from '../../src/storage/mirrors/mirrors.ts';
import { saveMirror } from '../../src/storage/configuration/mirrors.ts';
import { temporaryFolder } from './export-file.ts';
import { createTestDatabase } from './postgres.ts';
import type { Upstream } from './upstream.ts';

/** The present of these tests: later than any time that the database's own clock gives. */
export const now = new Date('2090-03-20T10:00:00Z');

const never = new AbortController().signal;

/** What tests need. */
export interface MirrorRole extends AsyncDisposable {
  readonly deps: MirrorDeps & { readonly clock: ManualClock };
  readonly url: string;
  /** Configures a mirror of the server, whose name and root are given, in the bucket `mirror`. */
  add(upstream: Pick<Upstream, 'indexUrl' | 'baseUrl'>, change?: { name?: string; bucket?: string }): Promise<number>;
  /** One run, which tries everything. */
  run(mirrorId: number, options?: Partial<MirrorRunOptions>): Promise<MirrorOutcome>;
  state(mirrorId: number): Promise<MirrorState>;
  /** Lines of our index; null when there is none. */
  index(root?: string): Promise<string[] | null>;
  /** Bytes of an object; null when there is none. */
  read(name: string): Promise<Buffer | null>;
  /** Names of all objects. */
  objects(): Promise<string[]>;
}

/** Opens it; use it with `await using`. */
export async function openMirrorRole(settings: Partial<MirrorSettings> = {}): Promise<MirrorRole> {
  const folder = await temporaryFolder();
  const { database, url, [Symbol.asyncDispose]: drop } = await createTestDatabase();
  const clock = new ManualClock(now);
  const blobStore = await openBlobStore({ kind: 'filesystem', dir: join(folder.path, 'blobs') });
  const deps = {
    database,
    blobStore,
    clock,
    settings: {
      download: {
        places: { ca: undefined, allowPrivateAddresses: false, allowLoopback: true },
        indexTimeoutMs: 10_000,
        fileTimeoutMs: 10_000,
        idleTimeoutMs: 10_000,
      },
      maxIndexBytes: 1024 * 1024,
      maxFileBytes: 1024 * 1024,
      leaseSeconds: 60,
      spoolDir: join(folder.path, 'spool'),
      ...settings,
    },
    logger: createLogger({ level: 'silent', pretty: false }),
    metrics: new Metrics(),
  };
  const read = async (name: string): Promise<Buffer | null> => {
    const found = await blobStore.read({ bucket: 'mirror', name });
    return found && Buffer.concat((await found.body.toArray()) as Buffer[]);
  };
  return {
    deps,
    url,
    add: async ({ indexUrl, baseUrl }, { name = 'm', bucket = 'mirror' } = {}) => {
      await saveMirror(database, { name, indexUrl, baseUrl, bucket, filenameRoot: name });
      const { rows } = await database.query<{ id: number }>('select id from mirrors where name = $1', [name]);
      return rows[0]!.id;
    },
    run: async (mirrorId, options = {}) =>
      await runMirror(deps, mirrorId, { signal: never, ignoreBackOff: true, ...options }),
    state: async (mirrorId) => (await readMirrorStates(database, { clock, ids: [mirrorId] }))[0]!,
    index: async (root = 'm') => {
      const content = await read(`${root}/index.txt`);
      return content && content.toString().split('\n').filter(Boolean);
    },
    read,
    objects: async () => await Array.fromAsync(blobStore.list('mirror', '')),
    [Symbol.asyncDispose]: async () => {
      await drop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
