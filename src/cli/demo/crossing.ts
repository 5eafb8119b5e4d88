/** Watches keys go from one authority to the other, with what operators ask: check and status. */
import {
  PartnerServiceDefinition,
  type CheckPartnerResponse,
  type Partner,
} from '../../gen/enmesh/federation/v1/partners.ts';
import { withClient } from '../connect.ts';
import type { Io } from '../io.ts';
import type { AuthorityName, Site } from './authorities.ts';
import { until } from './until.ts';

/** One authority, asked about the other by its operator. */
export interface View {
  readonly io: Io;
  readonly from: Site;
  readonly partner: AuthorityName;
  readonly signal: AbortSignal;
}

/** A handshake now: both prove who they are. */
export async function checkPartner({ io, from, partner, signal }: View): Promise<CheckPartnerResponse> {
  const connection = { io, role: 'federation', server: from.federationAddress } as const;
  return await withClient(PartnerServiceDefinition, connection, (client) =>
    client.checkPartner({ name: partner }, { signal }),
  );
}

/** Waits until so many keys were pushed. @returns where the exchange stands then */
export async function pushed(view: View, keys: number): Promise<Partner> {
  return await until(async () => {
    const partner = await partnerOf(view);
    return (partner?.push?.keys ?? 0n) >= BigInt(keys) ? partner : undefined;
  }, view.signal);
}

async function partnerOf({ io, from, partner, signal }: View): Promise<Partner | undefined> {
  const connection = { io, role: 'federation', server: from.federationAddress } as const;
  const { partners } = await withClient(PartnerServiceDefinition, connection, (client) =>
    client.listPartners({ name: partner }, { signal }),
  );
  return partners[0];
}
