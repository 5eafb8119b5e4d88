/** The way to a partner: TLS, our token with every call, and a server that proves who it is before anything of it counts. */
import { randomBytes } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import { hostOfTarget, isLoopback } from '../../platform/config/address.ts';
import {
  createGrpcClient,
  type GrpcClient,
  type GrpcClientSettings,
  type ServiceDefinition,
} from '../../platform/grpc/client.ts';
import type { CallProof, ServerHeader } from '../../platform/grpc/proven-calls.ts';
import type { KnownPartner } from '../../storage/partners/partners.ts';
import { explainConnection } from './connection-faults.ts';
import type { IdentityTokens } from './identity-tokens.ts';
import type { ChannelSettings } from './settings.ts';
import type { TokenVerifier } from './token-verifier.ts';

/** A client of one service of a partner. */
export type PartnerClient<Definition extends ServiceDefinition> = GrpcClient<Definition>;

/** What {@link openPartnerClient} needs. */
export interface PartnerChannelDeps {
  readonly tokens: IdentityTokens;
  readonly verifier: TokenVerifier;
  readonly settings: ChannelSettings;
}

/** Longest unary call. A page of a deployed server, which reads by offset, may take it minutes (reference 5.3, 12.37). */
const timeoutMs = 5 * 60_000;
/** A name look-up, TCP and TLS across continents, and once more. */
const connectMs = 15_000;
const nonceBytes = 32;
/** Deployed servers know of tokens alone (reference 5.1). */
const deployedService = 'Federation';

/**
 * Each call carries a token of ours and, over our own protocol, a fresh nonce. Calls reject with
 * unauthenticated `server_identity` when the server proves to be somebody else, or proves nothing although the partner's
 * `requireServerIdentity` wants it: then no message of it has been handed over, and none of a stream has been sent.
 *
 * @param partner its address, identity and `ourAudience` are those of the calls: open anew when they change
 * A server that cannot be reached rejects them with an unavailable error that says why (`connection-faults.ts`).
 *
 * @returns to be closed
 * @throws AppError `precondition`/`bad_tls`
 */
export function openPartnerClient<Definition extends ServiceDefinition>(
  definition: Definition,
  partner: KnownPartner,
  deps: PartnerChannelDeps,
): PartnerClient<Definition> {
  const isDeployed = definition.fullName === deployedService;
  const settings = channelSettings(partner.address, deps.settings);
  return createGrpcClient(definition, partner.address, settings, {
    timeoutMs,
    connectMs,
    explain: explainConnection(partner.address, settings.tls),
    keepalive: !isDeployed,
    prove: () => (isDeployed ? proveOurselves(partner, deps) : proveBoth(partner, deps)),
  });
}

/** Loopback is called without TLS only where nothing says whom to trust there. */
function channelSettings(address: string, { tls, allowLoopback }: ChannelSettings): GrpcClientSettings {
  const isPlain = allowLoopback && tls.ca === undefined && isLoopback(hostOfTarget(address));
  return isPlain ? {} : { tls };
}

async function proveOurselves({ ourAudience }: KnownPartner, { tokens }: PartnerChannelDeps): Promise<CallProof> {
  const token = await tokens.forCalls(ourAudience);
  return { metadata: { authorization: `Bearer ${token}` }, verify: () => Promise.resolve() };
}

async function proveBoth(partner: KnownPartner, deps: PartnerChannelDeps): Promise<CallProof> {
  const { metadata } = await proveOurselves(partner, deps);
  const nonce = randomBytes(nonceBytes).toString('base64url');
  return {
    metadata: { ...metadata, 'enmesh-nonce': nonce },
    verify: (header) => verifyServer(header, { nonce, partner, verifier: deps.verifier }),
  };
}

interface Expected {
  readonly nonce: string;
  readonly partner: KnownPartner;
  readonly verifier: TokenVerifier;
}

async function verifyServer(header: ServerHeader, { nonce, partner, verifier }: Expected): Promise<void> {
  const token = header.get('enmesh-identity');
  if (token === undefined) {
    if (partner.requireServerIdentity) throw serverRefused('it sends no enmesh-identity');
    return;
  }
  const { issuer, subject, audience } = partner.identity;
  const claims = await verifier.verify(String(token), { issuer }).catch(asServerFault);
  if (claims.subject !== subject) throw serverRefused('its token has another subject (sub)');
  if (!claims.audiences.includes(audience)) throw serverRefused('its token is for another audience (aud)');
  if (claims.nonce !== nonce) throw serverRefused('its token does not cover the nonce of the call');
}

function asServerFault(error: unknown): never {
  if (!(error instanceof AppError) || error.kind !== 'unauthenticated') throw error;
  throw serverRefused(error.details[0] ?? error.message, error);
}

function serverRefused(fault: string, cause?: unknown): AppError {
  const message = `the called server does not prove to be the partner: ${fault}`;
  return new AppError('unauthenticated', 'server_identity', message, { cause });
}
