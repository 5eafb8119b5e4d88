/** Tries a partner as a run would: its address, TLS, both identities and grants, without a key. */
import { FederationServiceDefinition } from '../../gen/enmesh/federation/v1/federation.ts';
import type { CheckPartnerResponse } from '../../gen/enmesh/federation/v1/partners.ts';
import { FederationDefinition } from '../../gen/federation.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { openPartnerClient, type PartnerChannelDeps } from '../auth/partner-channel.ts';

/** Shorter than what the operator's own call gets; longer than a connection is waited for and its fault is looked for. */
const timeoutMs = 25_000;

/** A time that no key has: the answer is empty. */
const never = { timestamp: 253_370_764_800n, nextToken: '' };

/** @throws AppError of the channel, and what the partner answers */
export async function checkPartner(
  partner: KnownPartner,
  channel: PartnerChannelDeps,
  signal: AbortSignal,
): Promise<CheckPartnerResponse> {
  const startedAt = performance.now();
  const answer = partner.pull?.protocol === 'fetch' ? fetchNothing : shakeHands;
  const found = await answer(partner, channel, signal);
  return { ...found, roundTripMs: Math.ceil(performance.now() - startedAt) };
}

type Found = Omit<CheckPartnerResponse, 'roundTripMs'>;

async function shakeHands(partner: KnownPartner, channel: PartnerChannelDeps, signal: AbortSignal): Promise<Found> {
  const { client, close } = openPartnerClient(FederationServiceDefinition, partner, channel);
  let isServerVerified = false;
  try {
    const { version, offeredRegions, acceptedRegions } = await client.handshake(
      { versions: ['v1'] },
      {
        signal,
        timeoutMs,
        // One that is there and wrong ends the call.
        onHeader: (header) => {
          isServerVerified = header.has('enmesh-identity');
        },
      },
    );
    return { isServerVerified, version, grants: { offeredRegions, acceptedRegions } };
  } finally {
    close();
  }
}

/** All that a deployed server can be asked. Without both cursors it dies (reference 5.3). */
async function fetchNothing(partner: KnownPartner, channel: PartnerChannelDeps, signal: AbortSignal): Promise<Found> {
  const { client, close } = openPartnerClient(FederationDefinition, partner, channel);
  try {
    const state = { keyCursor: never, revisedKeyCursor: never };
    await client.fetch({ maxExposureKeys: 1, state }, { signal, timeoutMs });
    return { isServerVerified: false, version: 'fetch', grants: undefined };
  } finally {
    close();
  }
}
