/** Addresses: as text to call them by, and whether other machines reach them. */
import { BlockList, isIP } from 'node:net';
import type { Address } from './readers.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for hosts that no other machine can reach. */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  return version === 0 ? host.toLowerCase() === 'localhost' : loopback.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

/** `HOST:PORT` by which this machine calls an address; one that means every interface is called on loopback. */
export function hostAndPort({ host, port }: Address): string {
  const called = isEvery(host, 'ipv4') ? '127.0.0.1' : isEvery(host, 'ipv6') ? '::1' : host;
  return `${called.includes(':') ? `[${called}]` : called}:${String(port)}`;
}

/** Host of a gRPC target, `HOST:PORT` or `dns:///HOST:PORT`, IPv6 in brackets. */
export function hostOfTarget(target: string): string {
  const [, host = ''] = /^(?:dns:\/\/\/)?(.*):\d+$/.exec(target) ?? [];
  return host.replace(/^\[(.*)\]$/, '$1');
}

const everyInterface = new BlockList();
everyInterface.addAddress('0.0.0.0', 'ipv4');
everyInterface.addAddress('::', 'ipv6');

function isEvery(host: string, family: 'ipv4' | 'ipv6'): boolean {
  return isIP(host) === (family === 'ipv4' ? 4 : 6) && everyInterface.check(host, family);
}

/** What tells the callers of a gRPC server apart. */
export interface CallerProof {
  readonly hasTls: boolean;
  readonly hasClientCa: boolean;
  readonly hasTokens: boolean;
  /** Partners call it, who prove themselves to the service by ID tokens. */
  readonly servesPartners?: boolean;
}

/** Why gRPC must not listen on a host, with the cure; undefined when it may. */
export function insecureAddress(host: string, proof: CallerProof): string | undefined {
  const { hasTls, hasClientCa, hasTokens, servesPartners = false } = proof;
  if (isLoopback(host) || (hasTls && (hasClientCa || hasTokens || servesPartners))) return undefined;
  const isPlain = !hasTls && (hasTokens || servesPartners);
  const cause = isPlain ? 'tokens would cross the network in plain text' : 'everybody who reaches it could call it';
  const cure = servesPartners
    ? 'Set TLS certificate and key, and for calls of operators the CA of client certificates or caller tokens'
    : 'Set TLS certificate and key, and either the CA of client certificates or caller tokens';
  return `gRPC must not listen on ${host}, which is not a loopback address: ${cause}. ${cure}; or listen on 127.0.0.1.`;
}
