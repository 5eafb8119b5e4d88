/** Whose request it is: the peer's address, or what proxies that we trust say of it. */
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList } from 'node:net';
import type { Cidr } from '../../platform/config/readers.ts';
import { forwardedHops, listedHops, type Hops } from './hops.ts';
import { canonicalAddress } from './network.ts';

/** What tells who sent a request. */
export interface Sent {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingHttpHeaders;
}

/** Finds the client behind trusted proxies. */
export class ClientAddress {
  readonly #trusted = new BlockList();

  constructor(trustedProxies: readonly Cidr[]) {
    for (const { address, prefix, family } of trustedProxies) this.#trusted.addSubnet(address, prefix, family);
  }

  /**
   * The client's address, '' when the connection has none any more.
   *
   * A proxy that writes one of the two headers mostly passes the other on as the client sent it. Where both are there
   * they must name the same client; otherwise neither counts, and the request is the proxy's own.
   */
  of({ socket, headers }: Sent): string {
    const peer = canonicalAddress(socket.remoteAddress ?? '') ?? '';
    if (!this.#isTrusted(peer)) return peer;
    const [first, second] = [forwardedHops(headers.forwarded), listedHops(headers['x-forwarded-for'])]
      .filter((hops) => hops !== undefined)
      .map((hops) => this.#firstUntrusted(peer, hops));
    return first === undefined || (second !== undefined && second !== first) ? peer : first;
  }

  /**
   * Walks from us towards the client for as long as the hop that speaks is trusted. Where it says nothing that we
   * can read, it stands for the client itself.
   */
  #firstUntrusted(peer: string, hops: Hops): string {
    let speaker = peer;
    for (const hop of hops.toReversed()) {
      if (hop === undefined || !this.#isTrusted(speaker)) return speaker;
      speaker = hop;
    }
    return speaker;
  }

  #isTrusted(address: string): boolean {
    return address !== '' && this.#trusted.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }
}
