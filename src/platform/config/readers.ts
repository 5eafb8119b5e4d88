/** How the text of an environment variable becomes a value; every reader names what it wants when it refuses. */
import { isIP } from 'node:net';

/** Turns text into a value, or throws an Error that says what is wanted. */
export type Reader<T> = (text: string) => T;

/** A listen or target address. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A set of addresses in CIDR form. */
export interface Cidr {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `15m`, `1h`, `14d` → seconds. */
export function duration(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(seconds)) throw new Error('wants a duration such as 90s, 15m, 1h or 14d');
  return seconds;
}

/** A duration of at least one second. */
export function positiveDuration(text: string): number {
  const seconds = duration(text);
  if (seconds === 0) throw new Error('wants a duration of at least 1s');
  return seconds;
}

/** `true` or `false`. */
export function bool(text: string): boolean {
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw new Error('wants true or false');
}

/** A whole number within bounds, both inclusive. */
export function integer(min: number, max: number): Reader<number> {
  return (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Error(`wants a whole number from ${String(min)} to ${String(max)}`);
    return value;
  };
}

/** Any text but none. */
export function text(value: string): string {
  if (value === '') throw new Error('wants a value; unset it to get the default');
  return value;
}

/** `HOST:PORT`, IPv6 in brackets. Port 0 = any free one. */
export function address(value: string): Address {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new Error('wants HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080');
  return { host: match[1] ?? match[2] ?? '', port };
}

/** A gRPC target: `HOST:PORT` or `dns:///HOST:PORT`. */
export function target(value: string): string {
  if (!/^(dns:\/\/\/)?\S+:\d{1,5}$/.test(value)) throw new Error('wants HOST:PORT or dns:///HOST:PORT');
  return value;
}

/** One of the words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Reader<Word> {
  return (value) => {
    const word = words.find((candidate) => candidate === value);
    if (word === undefined) throw new Error(`wants one of ${words.join(', ')}`);
    return word;
  };
}

/** A PostgreSQL URL. */
export function databaseUrl(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol !== 'postgres:' && url?.protocol !== 'postgresql:') {
    throw new Error('wants postgresql://USER:PASSWORD@HOST:PORT/NAME');
  }
  return value;
}

/** An absolute http or https URL. */
export function httpUrl(value: string): string {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) throw new Error('wants an https URL');
  return value;
}

/** The name of an issuer of tokens, compared letter by letter. */
export function issuer(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isPlain = url?.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (!isPlain || !/^https?:$/.test(url.protocol))
    throw new Error('wants an https URL, without user, query and fragment');
  return value;
}

/** A service's URL, without the slash at its end; a host without a scheme is an emulator's, on plain http. */
export function endpoint(value: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  return httpUrl(url).replace(/\/+$/, '');
}

/** The resource name of a Google Cloud KMS key ring. */
export function keyRing(value: string): string {
  if (!/^projects\/[^/\s]+\/locations\/[a-z0-9-]+\/keyRings\/[A-Za-z0-9_-]{1,63}$/.test(value)) {
    throw new Error('wants projects/PROJECT/locations/LOCATION/keyRings/RING');
  }
  return value;
}

/** An https URL of a host alone. */
export function httpsOrigin(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isOrigin = url?.protocol === 'https:' && value.replace(/\/$/, '').toLowerCase() === url.origin;
  if (!isOrigin) throw new Error('wants an https URL without a path, such as https://NAME.vault.azure.net');
  return url.origin;
}

/** Where an engine is mounted in Vault: names with slashes in between. */
export function mountPath(value: string): string {
  const path = value.replace(/\/$/, '');
  if (!/^\w[\w.-]*(\/\w[\w.-]*)*$/.test(path)) throw new Error('wants a mount path such as transit or team/transit');
  return path;
}

/** Standard base64 of at least one byte. */
export function base64(value: string): Uint8Array {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0 || bytes.toString('base64').replace(/=+$/, '') !== value.replace(/=+$/, '')) {
    throw new Error('wants base64');
  }
  return bytes;
}

/** Comma-separated CIDRs or single addresses. */
export function cidrs(value: string): readonly Cidr[] {
  return value
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => cidr(part.trim()));
}

function cidr(value: string): Cidr {
  const [host = '', prefixText] = value.split('/');
  const version = host.includes('%') ? 0 : isIP(host);
  const most = version === 6 ? 128 : 32;
  const prefix = prefixText === undefined ? most : Number(prefixText);
  if (version === 0 || !/^\d{1,3}$/.test(prefixText ?? '0') || prefix > most) {
    throw new Error('wants CIDRs such as 10.0.0.0/8, separated by commas');
  }
  return { address: host, prefix, family: version === 6 ? 'ipv6' : 'ipv4' };
}

/** `NAME=VALUE` pairs separated by commas. What refuses never repeats the text, which may hold tokens. */
export function pairs(value: string): ReadonlyMap<string, string> {
  const entries = value
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const at = part.lastIndexOf('=');
      if (at < 1) throw new Error('wants NAME=VALUE pairs separated by commas');
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()] as const;
    });
  return new Map(entries);
}
