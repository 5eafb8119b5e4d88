/** Brings one mirror up to date: read the index, copy what is new, list it, delete what is past its time. */
import { randomUUID } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { retryDelaySeconds } from '../../domain/export/retry-delay.ts';
import { markCopyFailed, waitingFiles, type WaitingFile } from '../../storage/mirrors/mirror-files.ts';
import { endMirrorRun, leaseMirror, renewMirrorLease, type MirrorRunEnd } from '../../storage/mirrors/mirrors.ts';
import { clearSpool } from '../batch/spool.ts';
import { copyFile, spoolPrefix } from './copy-file.ts';
import { deleteExpiredCopies } from './delete-copies.ts';
import { mirrorMetrics } from './metrics.ts';
import type { MirrorDeps } from './settings.ts';
import { takeIndexIn } from './take-index-in.ts';
import { mirrorLost, type MirrorRunOptions, type MirrorWork } from './work.ts';
import { writeMirrorIndex } from './write-index.ts';

/**
 * How a run ended. `taken`: another worker has the mirror, or it is not its time. `lost`: it was taken away, or configured anew.
 * `interrupted`: we were asked to stop.
 */
export type MirrorOutcome = MirrorRunEnd['kind'] | 'taken' | 'lost';

/**
 * Runs it if nobody else does. What fails is written down: of the index with the mirror, of a file with the file; both are tried
 * again after growing pauses. A killed worker's run is taken up when its lease ends, from where it was.
 *
 * @throws AppError `unavailable` when the database does not even give a lease; the signal's reason when it is aborted already
 */
export async function runMirror(deps: MirrorDeps, mirrorId: number, options: MirrorRunOptions): Promise<MirrorOutcome> {
  const { database, clock, settings, logger } = deps;
  const holder = { mirrorId, owner: randomUUID() };
  options.signal.throwIfAborted();
  const mirror = await leaseMirror(database, holder, { clock, ...settings, ...options });
  if (mirror === null) return 'taken';
  const work: MirrorWork = { ...options, mirror, holder, log: logger.child({ mirror: mirror.name }) };
  const end = await bringUpToDate(deps, work);
  if (end === 'lost') return end;
  await endMirrorRun(database, holder, { clock, end }).catch((error: unknown) =>
    work.log.warn({ err: error }, 'mirror not given back: another worker takes it when its lease ends'),
  );
  if (end.kind !== 'interrupted') mirrorMetrics(deps).run(end.kind);
  return end.kind;
}

async function bringUpToDate(deps: MirrorDeps, work: MirrorWork): Promise<MirrorRunEnd | 'lost'> {
  const { mirror, signal, log } = work;
  try {
    await clearSpool(deps.settings.spoolDir, spoolPrefix(work));
    try {
      await takeIndexIn(deps, work);
      await copyFiles(deps, work);
    } finally {
      // What is copied is listed, whatever happened to the rest.
      await writeMirrorIndex(deps, mirror.id);
    }
    await deleteExpiredCopies(deps, work);
    return { kind: 'completed' };
  } catch (error) {
    if (signal.aborted) return { kind: 'interrupted' };
    if (isLost(error)) return 'lost';
    log.warn({ err: error, attempts: mirror.attempts + 1 }, 'mirror not up to date');
    return { kind: 'failed', error: reasonText(error), retryAfterSeconds: retryDelaySeconds(mirror.attempts + 1) };
  }
}

/** In the index's order, one at a time: who reads our index finds old files first, as in theirs. */
async function copyFiles(deps: MirrorDeps, work: MirrorWork): Promise<void> {
  const { database, clock, settings } = deps;
  const startedAt = performance.now();
  let copied = 0;
  for (const file of await waitingFiles(database, work.mirror.id, { clock, ...work })) {
    work.signal.throwIfAborted();
    if (performance.now() - startedAt > (work.copyLimitMs ?? Infinity)) break;
    if (!(await renewMirrorLease(database, work.holder, { clock, ...settings }))) throw mirrorLost();
    if (await tryCopy(deps, work, file)) copied += 1;
  }
  if (copied > 0) work.log.info({ files: copied }, 'files mirrored');
}

/** One file that fails keeps no other. */
async function tryCopy(deps: MirrorDeps, work: MirrorWork, file: WaitingFile): Promise<boolean> {
  try {
    await copyFile(deps, work, file);
    mirrorMetrics(deps).file('copied');
    return true;
  } catch (error) {
    work.signal.throwIfAborted();
    if (isLost(error)) throw error;
    work.log.warn({ err: error, file: file.path, attempts: file.attempts + 1 }, 'file not mirrored');
    const retryAfterSeconds = retryDelaySeconds(file.attempts + 1);
    const isOther = error instanceof AppError && error.code === 'mirrored_file_differs';
    const failed = { fileId: file.id, error: reasonText(error), retryAfterSeconds, isOther };
    if (!(await markCopyFailed(deps.database, work.holder, { clock: deps.clock, failed }))) throw mirrorLost();
    mirrorMetrics(deps).file('failed');
    return false;
  }
}

function isLost(error: unknown): boolean {
  return error instanceof AppError && error.code === 'lease_lost';
}

/** A safe message; what is not ours to explain is in the log. */
function reasonText(error: unknown): string {
  return error instanceof AppError ? error.message : 'a fault of ours; see the log';
}
