/** Acts as Apple and as an iPhone: authorities, device certificates and App Attest objects, with none of the product's code. */
import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';
import { encode } from 'cborg';

type Keys = webcrypto.CryptoKeyPair;

/** A certificate with its key. */
export interface Issuer {
  readonly certificate: X509Certificate;
  readonly keys: Keys;
}

/** What differs from an honest certificate. */
export interface CertificateOptions {
  name?: string;
  from?: Date;
  thru?: Date;
  isAuthority?: boolean;
  pathLength?: number;
  extensions?: Extension[];
  curve?: 'P-256' | 'P-384';
  usages?: KeyUsageFlags;
  keys?: Keys;
}

/** What differs from an honest object. */
export interface ObjectOptions {
  appId?: string;
  counter?: number;
  flags?: number;
  aaguid?: string;
  /** Default: SHA-256 of the device's key. */
  credentialId?: Buffer;
  /** Default: the nonce of the authenticator data and the claim; null = the certificate has none. */
  nonce?: Buffer | null;
  /** Under which the device's certificate stands. */
  issuer?: Issuer;
  /** Between the device's certificate and the root. */
  chain?: readonly X509Certificate[];
  device?: CertificateOptions;
  /** Merged over the object. */
  object?: Record<string, unknown>;
}

/** An authority of our own in Apple's place. */
export interface Apple {
  readonly root: Issuer;
  readonly rootPem: string;
  readonly intermediate: Issuer;
  /** Base64 of an object that a device made for this claim. */
  attest(claim: Buffer, options?: ObjectOptions): Promise<string>;
}

export const appId = 'TEAM123456.org.example.health';

const nonceIdentifier = '1.2.840.113635.100.8.2';

/** Sets up root and intermediate, valid for a year around `now`. */
export async function makeApple(now: Date): Promise<Apple> {
  const root = await issue({ name: 'Root', isAuthority: true, curve: 'P-384' }, { now });
  const intermediate = await issue(
    { name: 'Intermediate', isAuthority: true, pathLength: 0, curve: 'P-384' },
    { now, issuer: root },
  );
  return {
    root,
    rootPem: root.certificate.toString('pem'),
    intermediate,
    attest: (claim, options = {}) =>
      attest(claim, { issuer: intermediate, chain: [intermediate.certificate], ...options }, now),
  };
}

/** A certificate under `issuer`, or under its own key. */
export async function issue(
  options: CertificateOptions,
  { now, issuer }: { readonly now: Date; readonly issuer?: Issuer },
): Promise<Issuer> {
  const keys = options.keys ?? (await makeKeyPair(options.curve));
  const isAuthority = options.isAuthority ?? false;
  const usages = options.usages ?? (isAuthority ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature);
  const name = `CN=${options.name ?? 'Device'}`;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString('hex'),
    subject: name,
    issuer: issuer?.certificate.subject ?? name,
    notBefore: options.from ?? new Date(now.getTime() - 86_400_000),
    notAfter: options.thru ?? new Date(now.getTime() + 365 * 86_400_000),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    extensions: [
      new BasicConstraintsExtension(isAuthority, options.pathLength, true),
      new KeyUsagesExtension(usages, true),
      ...(options.extensions ?? []),
    ],
  });
  return { certificate, keys };
}

/** A key pair for certificates. */
export async function makeKeyPair(namedCurve: 'P-256' | 'P-384' = 'P-256'): Promise<Keys> {
  return await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
}

/** A device makes a key, and Apple a certificate for it. */
async function attest(claim: Buffer, options: ObjectOptions, now: Date): Promise<string> {
  const keys = options.device?.keys ?? (await makeKeyPair(options.device?.curve));
  const point = Buffer.from(await webcrypto.subtle.exportKey('raw', keys.publicKey));
  const authData = authenticatorData(point, options);
  const nonce = options.nonce === undefined ? sha256(authData, claim) : options.nonce;
  const extensions = nonce === null ? [] : [nonceExtension(nonce)];
  const { certificate } = await issue(
    { thru: new Date(now.getTime() + 2 * 86_400_000), extensions, ...options.device, keys },
    { now, ...(options.issuer ? { issuer: options.issuer } : {}) },
  );
  const x5c = [certificate, ...(options.chain ?? [])].map(({ rawData }) => new Uint8Array(rawData));
  const attStmt = { x5c, receipt: randomBytes(40) };
  return Buffer.from(encode({ fmt: 'apple-appattest', attStmt, authData, ...options.object })).toString('base64');
}

/** The extension that binds a certificate to a request. */
export function nonceExtension(nonce: Buffer): Extension {
  const der = Buffer.concat([Buffer.from('3024a1220420', 'hex'), nonce]);
  return new Extension(nonceIdentifier, false, new Uint8Array(der));
}

function authenticatorData(point: Buffer, options: ObjectOptions): Buffer {
  const counter = Buffer.alloc(4);
  counter.writeUInt32BE(options.counter ?? 0);
  const aaguid = Buffer.alloc(16);
  aaguid.write(options.aaguid ?? 'appattest');
  const credentialId = options.credentialId ?? sha256(point);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(credentialId.length);
  const key = new Map<number, unknown>([
    [1, 2],
    [3, -7],
    [-1, 1],
    [-2, new Uint8Array(point.subarray(1, 33))],
    [-3, new Uint8Array(point.subarray(33))],
  ]);
  return Buffer.concat([
    sha256(options.appId ?? appId),
    Buffer.of(options.flags ?? 0x40),
    counter,
    aaguid,
    length,
    credentialId,
    encode(key),
  ]);
}

/** SHA-256 of the parts, one after another. */
export function sha256(...parts: readonly (string | Uint8Array)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
