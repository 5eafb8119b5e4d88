/** Where a download may lead: over verified TLS, and never into our own network unless that is allowed. */
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isLoopback } from './config/address.ts';
import { isPublicAddress } from './public-address.ts';

/** Whom downloads may reach. */
export interface DownloadPlaces {
  /** PEM; undefined = the system's roots. */
  readonly ca: string | undefined;
  /** https from private, loopback and link-local addresses too. */
  readonly allowPrivateAddresses: boolean;
  /** Test installations: loopback addresses, there plain http too. */
  readonly allowLoopback: boolean;
  /** How names become addresses; the system's way when not given. */
  readonly lookup?: typeof lookup;
}

/** Tells of one address whether it may be connected to. */
export type AddressRule = (address: string) => boolean;

/** Thrown within a connection's look-up, whose callers make their own error of it. */
export class PrivateAddressError extends Error {}

/**
 * Which addresses the URL may lead to.
 * @returns `not https` for a URL that is not asked at all, `private address` for one that names an address itself
 */
export function addressRule(url: URL, places: DownloadPlaces): AddressRule | 'not https' | 'private address' {
  const { allowPrivateAddresses, allowLoopback } = places;
  const isPlain = url.protocol === 'http:' && allowLoopback;
  if (url.protocol !== 'https:' && !isPlain) return 'not https';
  const mayAsk: AddressRule = (address) => {
    if (allowLoopback && isLoopback(address)) return true;
    return !isPlain && (allowPrivateAddresses || isPublicAddress(address));
  };
  // An address in the URL is connected to without a look-up.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) !== 0 && !mayAsk(host) ? 'private address' : mayAsk;
}

/** A look-up that gives only addresses that may be asked: those it gives are those that are connected to. */
export function checkedLookup(places: DownloadPlaces, mayAsk: AddressRule): LookupFunction {
  const resolve = places.lookup ?? lookup;
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) {
        callback(error, []);
        return;
      }
      const [first, ...others] = addresses.filter(({ address }) => mayAsk(address));
      if (first === undefined) callback(new PrivateAddressError('no address that may be asked'), []);
      else if (options.all === true) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    });
  };
}
