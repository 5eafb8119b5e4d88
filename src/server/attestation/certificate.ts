/** X.509 certificates of elliptic-curve keys: OpenSSL verifies them, and their extensions are read here. */
import 'reflect-metadata';
import { X509Certificate, type KeyObject } from 'node:crypto';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate as Parsed,
} from '@peculiar/x509';

/** A certificate that could be read. */
export interface Certificate {
  readonly x509: X509Certificate;
  /** On P-256 or P-384. */
  readonly publicKey: KeyObject;
  readonly validFrom: Date;
  readonly validThru: Date;
  /** May sign certificates. */
  readonly isAuthority: boolean;
  /** How many authorities may stand between it and a device's certificate; undefined = any number. */
  readonly pathLength: number | undefined;
  /** DER by object identifier. */
  readonly extensions: ReadonlyMap<string, Buffer>;
}

const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);

/** Critical extensions that are heeded here: basic constraints and key usage. */
const heeded: ReadonlySet<string> = new Set(['2.5.29.19', '2.5.29.15']);

/**
 * Reads DER or PEM.
 * @returns undefined for what is no certificate, has another kind of key, says an extension twice, or has a critical
 *   extension that is unknown here
 */
export function parseCertificate(bytes: Uint8Array | string): Certificate | undefined {
  try {
    const x509 = new X509Certificate(bytes);
    const { publicKey } = x509;
    const parsed = new Parsed(x509.raw);
    const identifiers = new Set(parsed.extensions.map(({ type }) => type));
    const isStrange = parsed.extensions.some(({ critical, type }) => critical && !heeded.has(type));
    const isOnCurve = curves.has(publicKey.asymmetricKeyDetails?.namedCurve ?? '');
    if (!isOnCurve || isStrange || identifiers.size < parsed.extensions.length) return undefined;
    return { x509, publicKey, ...factsOf(parsed) };
  } catch {
    return undefined;
  }
}

function factsOf(parsed: Parsed): Omit<Certificate, 'x509' | 'publicKey'> {
  const constraints = parsed.getExtension(BasicConstraintsExtension);
  const usages = parsed.getExtension(KeyUsagesExtension)?.usages ?? 0;
  return {
    validFrom: parsed.notBefore,
    validThru: parsed.notAfter,
    isAuthority: constraints?.ca === true && (usages & KeyUsageFlags.keyCertSign) !== 0,
    pathLength: constraints?.pathLength,
    extensions: new Map(parsed.extensions.map(({ type, value }) => [type, Buffer.from(value)])),
  };
}
