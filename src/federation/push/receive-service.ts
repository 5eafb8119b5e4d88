/** Takes what a partner pushes: one batch after the other, each answered as soon as it is durable. */
import type { PushRequest, PushResponse } from '../../gen/enmesh/federation/v1/federation.ts';
import { notePartnerContact } from '../../storage/partners/partner-contacts.ts';
import type { AuthenticatedPartner, PartnerAuthenticator } from '../auth/caller.ts';
import type { IntakeDeps } from '../intake/settings.ts';
import { receiveBatch } from './receive-batch.ts';
import { fromPushRequest, toPushResponse } from './receive-wire.ts';
import { whileAdmitted } from './while-admitted.ts';

/** What receiving needs. */
export interface ReceiveDeps extends IntakeDeps {
  readonly authenticator: Pick<PartnerAuthenticator, 'readmit'>;
  /** How often the admission of a stream is looked at on which nothing comes. */
  readonly readmitEveryMs: number;
}

/** How often a stream notes in the database that the partner pushes. */
const noteEveryMs = 60_000;

/**
 * Implements Push for a partner that was let in. The next batch is read when the last one is answered, so that a partner
 * that sends faster than it is stored is held back. Its grant is read again for each batch.
 * @param signal aborts between two batches: one in hand is stored and answered, or not stored
 * @throws AppError as `receiveBatch` and `readmit`; invalid `invalid_batch`
 */
export async function* receivePush(
  deps: ReceiveDeps,
  admission: AuthenticatedPartner,
  requests: AsyncIterable<PushRequest>,
  signal: AbortSignal,
): AsyncGenerator<PushResponse> {
  const readmit = async () => await deps.authenticator.readmit(admission);
  let notedAt = -Infinity;
  for await (const request of whileAdmitted(requests, { check: readmit, everyMs: deps.readmitEveryMs, signal })) {
    const partner = await readmit();
    const batch = fromPushRequest(request);
    const answer = await receiveBatch(deps, partner, batch);
    if (performance.now() - notedAt >= noteEveryMs) {
      await notePartnerContact(deps.database, partner.id, { contact: 'pushed', clock: deps.clock });
      notedAt = performance.now();
    }
    yield toPushResponse(batch.id, answer);
  }
}
