/** IP addresses: one way to write each, and the network that one client has. */
import { isIP, SocketAddress } from 'node:net';

/** An address without port, brackets and zone, written in one way; IPv4 in IPv6 as IPv4; undefined for other text. */
export function canonicalAddress(text: string): string | undefined {
  const [bare = ''] = text.split('%', 1);
  const version = isIP(bare);
  if (version === 0) return undefined;
  if (version === 4) return bare;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  return /^::ffff:([\d.]+)$/.exec(address)?.[1] ?? address;
}

/**
 * The network that counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, because a line has
 * at least so much (RFC 6177) and its phones and attackers take new addresses in it as they like.
 * @param address a canonical one, or '' where there is none
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.replace(/[\d.]+\.\d+$/, '0:0').split('::');
  const first = groupsOf(head);
  const last = groupsOf(tail ?? '');
  const zeros = Array<string>(8 - first.length - last.length).fill('0');
  return [...first, ...zeros, ...last].slice(0, 4).join(':');
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
