/** OperationsService over gRPC, and the same work as background jobs. */
import type { OperationsServiceImplementation } from '../../gen/enmesh/operations/v1/operations.ts';
import { callerName } from '../../platform/grpc/caller-name.ts';
import type { Job, JobQueue } from '../../platform/jobs.ts';
import { listHolds } from '../../storage/holds.ts';
import { listWithdrawals } from '../../storage/exposures/withdrawal-records.ts';
import { jwksJob } from '../jwks/job.ts';
import { refreshJwks, type RefreshDeps } from '../jwks/refresh.ts';
import { cleanUp, type CleanupDeps } from './cleanup.ts';
import { setHold } from './hold.ts';
import { rotateRevisionKeys, type RotationDeps } from './rotate-revision-keys.ts';
import {
  holdSubject,
  toCleanupMessage,
  toHoldMessage,
  toJobMessage,
  toRefreshedMessage,
  toWithdrawMessage,
  toWithdrawalMessage,
  withdrawRequest,
} from './wire.ts';
import { keepWithdrawalsJob, type ReplayDeps } from '../withdrawal-copies/replay.ts';
import { areWithdrawalsCopied } from '../../storage/exposures/withdrawal-copies.ts';
import { copyWithdrawalsNow } from '../withdrawal-copies/write-copies.ts';
import { countWithdrawal, withdraw, withdrawalJob } from './withdraw.ts';

/** What jobs work with. */
export type OperationsJobsDeps = CleanupDeps & RotationDeps & RefreshDeps & ReplayDeps;

/** What operations work with. */
export type OperationsDeps = OperationsJobsDeps & {
  readonly jobQueue: JobQueue;
  /** Made where publishing is. */
  readonly explainPublish: OperationsServiceImplementation['explainPublish'];
};

/** As the audit names a run that nobody asked for. */
const scheduled = 'schedule';
/** Withdrawals in one answer. */
const mostWithdrawals = 1000;
const ordinaryWithdrawals = 100;

/** The service. */
export function createOperationsService(deps: OperationsDeps): OperationsServiceImplementation {
  return {
    async cleanup(_request, { signal }) {
      return toCleanupMessage(await cleanUp(deps, signal));
    },
    async listJobs() {
      const jobs = await deps.jobQueue.list();
      return { jobs: jobs.map(toJobMessage) };
    },
    async rotateRevisionKeys({ force }, context) {
      return await rotateRevisionKeys(deps, { force, actor: callerName(context) });
    },
    async refreshJwks({ issuer }, context) {
      const options = { ...(issuer === '' ? {} : { issuer }), actor: callerName(context) };
      return { results: (await refreshJwks(deps, options, context.signal)).map(toRefreshedMessage) };
    },
    async setHold({ subject, name, release }, context) {
      const request = { subject: holdSubject(subject), name, release, actor: callerName(context) };
      return { changed: await setHold(deps, request) };
    },
    async listHolds() {
      return { holds: (await listHolds(deps.database)).map(toHoldMessage) };
    },
    explainPublish: deps.explainPublish,
    async withdraw(request, context) {
      const asked = withdrawRequest(request, callerName(context));
      if (request.dryRun) return toWithdrawMessage(await countWithdrawal(deps, asked));
      const withdrawal = await withdraw(deps, asked, context.signal);
      return toWithdrawMessage(withdrawal, { isCopied: await copyWithdrawalsNow(deps, context.signal) });
    },
    async listWithdrawals({ limit }) {
      const most = Math.min(limit === 0 ? ordinaryWithdrawals : limit, mostWithdrawals);
      const withdrawals = await listWithdrawals(deps.database, most);
      return {
        withdrawals: withdrawals.map(toWithdrawalMessage),
        copyPending: !(await areWithdrawalsCopied(deps.database)),
      };
    },
  };
}

/**
 * `cleanup` once an hour (rows live for the retention and one run more), `revision-keys.rotate`, `jwks.refresh`,
 * `withdrawals.finish` and `withdrawals.keep`.
 */
export function operationsJobs(deps: OperationsJobsDeps): Job[] {
  return [
    {
      name: 'cleanup',
      run: async (_payload, { signal }) => {
        await cleanUp(deps, signal);
      },
    },
    {
      name: 'revision-keys.rotate',
      run: async () => {
        await rotateRevisionKeys(deps, { force: false, actor: scheduled });
      },
    },
    jwksJob(deps),
    withdrawalJob(deps),
    keepWithdrawalsJob(deps),
  ];
}
