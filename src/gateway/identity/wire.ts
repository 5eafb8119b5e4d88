/** Between our issuer as the gateway publishes it and the RPC of the federation role. */
import type { IdentityServiceClient } from '../../gen/enmesh/federation/v1/identity.ts';
import type { CallLimits } from '../../platform/grpc/client-calls.ts';

/** The federation role, as the gateway calls it. */
export type IdentityClient = Pick<IdentityServiceClient<CallLimits>, 'getIdentity'>;

/** Our issuer. */
export interface PublishedIdentity {
  /** Empty = the tokens that we use are another issuer's. */
  readonly issuer: string;
  readonly keys: readonly { readonly version: string; readonly publicKeyPem: string }[];
}

/** @throws AppError of the federation role */
export async function fetchIdentity(client: IdentityClient, timeoutMs: number): Promise<PublishedIdentity> {
  const { issuer, keys } = await client.getIdentity({}, { timeoutMs });
  return { issuer, keys: keys.map(({ version, publicKeyPem }) => ({ version, publicKeyPem })) };
}
