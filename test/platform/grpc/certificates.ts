/** Certificate authorities and certificates made on the spot. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import forge from 'node-forge';

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Subject alternative names. */
export interface Names {
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  readonly ips?: readonly string[];
}

/** A certificate authority for one test. */
export class TestCa {
  readonly #own: Certificate;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    this.#own = sign({ subject: name, extensions: [{ name: 'basicConstraints', cA: true, critical: true }] });
  }

  get cert(): string {
    return this.#own.cert;
  }

  /** A certificate with these names, good for servers and clients, and for a century. */
  issue(names: Names, { notAfter }: { readonly notAfter?: Date } = {}): Certificate {
    const altNames = [
      ...(names.dns ?? []).map((value) => ({ type: 2, value })),
      ...(names.uris ?? []).map((value) => ({ type: 6, value })),
      ...(names.ips ?? []).map((ip) => ({ type: 7, ip })),
    ];
    const extensions = [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      ...(altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : []),
    ];
    return sign({ subject: 'test', extensions, issuer: { name: this.#name, key: this.#own.key }, notAfter });
  }
}

interface Request {
  readonly subject: string;
  readonly extensions: readonly object[];
  /** Absent = self-signed. */
  readonly issuer?: { readonly name: string; readonly key: string };
  readonly notAfter?: Date | undefined;
}

function sign({ subject, extensions, issuer, notAfter = new Date('2120-01-01T00:00:00Z') }: Request): Certificate {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  certificate.serialNumber = `01${randomBytes(8).toString('hex')}`;
  certificate.validity.notBefore = new Date('2020-01-01T00:00:00Z');
  certificate.validity.notAfter = notAfter;
  certificate.setSubject([{ name: 'commonName', value: subject }]);
  certificate.setIssuer([{ name: 'commonName', value: issuer?.name ?? subject }]);
  certificate.setExtensions([...extensions]);
  certificate.sign(forge.pki.privateKeyFromPem(issuer?.key ?? pair.privateKey), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(certificate), key: pair.privateKey };
}
