/** Reads `Forwarded` (RFC 7239) and `X-Forwarded-For`: for whom each proxy on the way says that it passed a request on. */
import { canonicalAddress } from './network.ts';

/** From the client to us; undefined for what names no address: obfuscated, unknown or malformed. */
export type Hops = readonly (string | undefined)[];

/** One pair or none, up to the end of its element or of the header. */
const forwardedPair = /[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*([;,]|$)/y;

/** Hops of a `Forwarded` header; none when it is malformed, since nobody can say where a broken quotation ends. */
export function forwardedHops(header: string | undefined): Hops | undefined {
  if (header === undefined) return undefined;
  const hops: (string | undefined)[] = [];
  let node = '';
  for (let at = 0, end = ','; end !== ''; at = forwardedPair.lastIndex) {
    forwardedPair.lastIndex = at;
    const pair = forwardedPair.exec(header);
    if (pair === null) return [];
    const [, name, token, quoted, delimiter = ''] = pair;
    if (name?.toLowerCase() === 'for') node = token ?? quoted?.replace(/\\(.)/g, '$1') ?? '';
    end = delimiter;
    if (end === ';') continue;
    hops.push(addressOf(node));
    node = '';
  }
  return hops;
}

/** Hops of an `X-Forwarded-For` header; several of them are one list. */
export function listedHops(header: string | readonly string[] | undefined): Hops | undefined {
  return header === undefined
    ? undefined
    : String(header)
        .split(',')
        .map((hop) => addressOf(hop.trim()));
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80` (RFC 7239, 6; some proxies add ports). */
function addressOf(node: string): string | undefined {
  const [, inBrackets, withPort] = /^(?:\[([^\]]*)\]|([\d.]+))(?::[\w.-]+)?$/.exec(node) ?? [];
  return canonicalAddress(inBrackets ?? withPort ?? node);
}
