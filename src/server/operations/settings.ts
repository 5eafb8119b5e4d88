/** What the environment says about operations, and how often they run. */
import type { Values } from '../../platform/config/load.ts';
import { readRoots } from '../../platform/config/root-files.ts';
import type { Schedule } from '../../platform/jobs.ts';
import type { OperationsJobsDeps } from './service.ts';

/** Expired keys and files go once an hour: rows live for the retention and one run more. */
const cleanupEverySeconds = 3600;
/** Often enough that a newest key which cannot be unwrapped is soon replaced; a run without work reads a few rows. */
const rotateEverySeconds = 900;
/** A run without work reads no row. */
const finishEverySeconds = 60;
/** What partners took back is copied within it; a run without work reads four rows. */
const keepEverySeconds = 60;

/** @throws ConfigurationError for a file of roots that cannot be used */
export async function operationsSettings(values: Values): Promise<OperationsJobsDeps['settings']> {
  return {
    retentionSeconds: values.ENMESH_RETENTION,
    maxIntervalAgeSeconds: values.ENMESH_MAX_INTERVAL_AGE_ON_PUBLISH,
    withdrawalsBucket: withdrawalsBucket(values),
    // It was asked for before this role started.
    revisionTokenKey: values.ENMESH_REVISION_TOKEN_KEY!,
    revisionKeyPeriodSeconds: values.ENMESH_REVISION_KEY_PERIOD,
    revisionKeyDeleteAfterSeconds: values.ENMESH_REVISION_KEY_DELETE_AFTER,
    jwks: {
      timeoutMs: values.ENMESH_JWKS_TIMEOUT * 1000,
      ca: await readRoots('ENMESH_JWKS_CA', values),
      allowPrivateAddresses: values.ENMESH_JWKS_ALLOW_PRIVATE_ADDRESSES,
      allowLoopback: values.ENMESH_UNSAFE_LOOPBACK,
      keyCleanupSeconds: values.ENMESH_JWKS_KEY_CLEANUP,
    },
  };
}

/** When the jobs of operations run. */
export function operationsSchedules(values: Values): Schedule[] {
  return [
    { job: 'cleanup', everySeconds: cleanupEverySeconds },
    { job: 'revision-keys.rotate', everySeconds: rotateEverySeconds },
    { job: 'jwks.refresh', everySeconds: values.ENMESH_JWKS_INTERVAL },
    { job: 'withdrawals.finish', everySeconds: finishEverySeconds },
    { job: 'withdrawals.keep', everySeconds: keepEverySeconds },
  ];
}

/** Where names of buckets are the world's, somebody else may have made one of any name that we would guess. */
function withdrawalsBucket(values: Values): string | null {
  return values.ENMESH_WITHDRAWALS_BUCKET ?? (values.ENMESH_BLOB_STORE === 'filesystem' ? 'withdrawals' : null);
}
