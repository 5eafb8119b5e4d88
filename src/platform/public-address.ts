/** Tells addresses of the internet from those that lead into our own network or nowhere (IANA's special-purpose registries). */
import { BlockList, isIP } from 'node:net';

const special4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

const special6 = [
  '::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
] as const;

/** What a NAT64 gateway leads on to the IPv4 address in the last 32 bits. */
const nat64 = '64:ff9b::';

const special = new BlockList();
for (const range of special4) {
  const [address = '', prefix] = range.split('/');
  // An IPv4 address written as IPv6 (::ffff:…) falls under the same rule.
  special.addSubnet(address, Number(prefix), 'ipv4');
  special.addSubnet(`${nat64}${address}`, 96 + Number(prefix), 'ipv6');
}
for (const range of special6) {
  const [address = '', prefix] = range.split('/');
  special.addSubnet(address, Number(prefix), 'ipv6');
}

/** True for an address of the public internet; false for every other one and for what is no address. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && !special.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
