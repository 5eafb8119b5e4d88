/** Who is calling, and whether they may: by the names in a client certificate, by a token, or for being on this machine. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { CallContext, ServerMiddlewareCall } from 'nice-grpc';
import { type CallerRole, mayCall, partnerMethods } from '../../domain/caller-roles.ts';
import { AppError } from '../../domain/errors.ts';
import { insecureAddress, isLoopback } from '../config/address.ts';
import type { Address } from '../config/readers.ts';
import type { ServerTls } from '../config/tls-files.ts';
import { peerNamesKey } from './server-tls.ts';

/** Everything that decides about callers. */
export interface CallerSettings {
  readonly address: Address;
  readonly tls?: ServerTls;
  /** DNS or URI name in a client certificate → role. */
  readonly callers: ReadonlyMap<string, CallerRole>;
  /** Token → role. */
  readonly callerTokens: ReadonlyMap<string, CallerRole>;
  /** Partners call too, and prove themselves to the service. */
  readonly servesPartners?: boolean;
}

/**
 * Refuses an address that other machines reach while nothing tells callers apart.
 * @throws AppError `precondition`/`insecure_address`
 */
export function requireSecureAddress({ address, tls, callerTokens, servesPartners = false }: CallerSettings): void {
  const fault = insecureAddress(address.host, {
    hasTls: tls !== undefined,
    hasClientCa: tls?.clientCa !== undefined,
    hasTokens: callerTokens.size > 0,
    servesPartners,
  });
  if (fault !== undefined) throw new AppError('precondition', 'insecure_address', fault);
}

/** Callers are told apart as soon as there are tokens or a client CA, on loopback too, and wherever others can call. */
function isEnforced({ address, tls, callerTokens }: CallerSettings): boolean {
  return tls?.clientCa !== undefined || callerTokens.size > 0 || !isLoopback(address.host);
}

const health = /^\/grpc\.health\.v1\.Health\//;
const reflection = /^\/grpc\.reflection\.v1(alpha)?\.ServerReflection\//;

/**
 * Refuses calls that the caller's roles do not allow: health is open to all, reflection to every known caller. Partners
 * have no role: their methods ask each caller for an ID token themselves, and where there is a client CA, a certificate of
 * it, under whatever name, comes before that.
 */
export function authorizeCalls(settings: CallerSettings) {
  const rolesOf = isEnforced(settings) ? recognize(settings) : () => new Set<CallerRole>(['operate']);
  return async function* authorize<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | void, undefined> {
    const { path } = call.method;
    // Only the TLS layer may name a caller, never the caller itself.
    if (settings.tls?.clientCa === undefined) context.metadata.delete(peerNamesKey);
    else if (partnerMethods.has(path) && !context.metadata.has(peerNamesKey)) throw certificateMissing();
    if (!health.test(path) && !partnerMethods.has(path)) {
      const roles = rolesOf(context);
      if (!reflection.test(path) && !mayCall(path, roles)) {
        throw new AppError('forbidden', 'permission_denied', "the caller's role does not allow this call");
      }
    }
    return yield* call.next(call.request, context);
  };
}

function recognize(settings: CallerSettings): (context: CallContext) => ReadonlySet<CallerRole> {
  const hasClientCa = settings.tls?.clientCa !== undefined;
  const tokens = [...settings.callerTokens].map(([token, role]) => ({ digest: sha256(token), role }));
  return (context) => {
    const names = hasClientCa ? (context.metadata.get(peerNamesKey)?.split(' ') ?? []) : [];
    const roles = new Set(names.flatMap((name) => settings.callers.get(name) ?? []));
    const token = /^Bearer +(\S+)$/i.exec(context.metadata.get('authorization') ?? '')?.[1];
    if (token !== undefined) roles.add(roleOfToken(token, tokens));
    if (roles.size === 0) throw unauthenticated('show a client certificate with a name in ENMESH_CALLERS, or a token');
    return roles;
  };
}

/** Compares with every token, in constant time, so that the time tells nothing. */
function roleOfToken(
  token: string,
  tokens: readonly { readonly digest: Buffer; readonly role: CallerRole }[],
): CallerRole {
  const digest = sha256(token);
  const matching = tokens.filter((known) => timingSafeEqual(known.digest, digest));
  if (matching[0] === undefined) throw unauthenticated('the token is not one of ENMESH_CALLER_TOKENS');
  return matching[0].role;
}

function unauthenticated(cure: string): AppError {
  return new AppError('unauthenticated', 'unauthenticated', `the caller is not known: ${cure}`);
}

function certificateMissing(): AppError {
  const message = 'show a client certificate of a CA that the called authority trusts';
  return new AppError('unauthenticated', 'client_certificate_missing', message);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
