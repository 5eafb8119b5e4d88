/** `jwks.refresh`: reads every JWKS, or the one of a health authority that has just got it. */
import type { Job } from '../../platform/jobs.ts';
import { jwksMetrics } from './metrics.ts';
import { refreshJwks, type RefreshDeps } from './refresh.ts';

/** As the audit names a run that nobody asked for. */
const actor = 'schedule';

/** The job; with the payload `{issuer}` it reads that authority's only. */
export function jwksJob(deps: RefreshDeps): Job {
  // Declared at once, so that a JWKS that goes unread is seen on every replica.
  jwksMetrics(deps);
  return {
    name: 'jwks.refresh',
    run: async (payload, { signal }) => {
      await refreshJwks(deps, { ...issuerOf(payload), actor }, signal);
    },
  };
}

function issuerOf(payload: unknown): { issuer?: string } {
  const isOne = typeof payload === 'object' && payload !== null && 'issuer' in payload;
  return isOne && typeof payload.issuer === 'string' ? { issuer: payload.issuer } : {};
}
