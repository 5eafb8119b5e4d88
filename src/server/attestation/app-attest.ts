/**
 * App Attest objects, made for one upload each (https://developer.apple.com/documentation/devicecheck/validating-apps-that-connect-to-your-server).
 * No device key is kept and Apple is not asked.
 */
import { createHash } from 'node:crypto';
import { parseAuthenticatorData, type AuthenticatorData } from '../../domain/attestation/authenticator-data.ts';
import type { AttestationFault } from '../../domain/attestation/fault.ts';
import type { IosAttestation } from '../../domain/configuration/configuration.ts';
import { decodeLenientBase64 } from '../../domain/publish/base64.ts';
import { parseAttestationObject } from './attestation-object.ts';
import { chainFault } from './certificate-chain.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import type { AttestationContext, AttestationVerifier } from './verifier.ts';

const nonceExtension = '1.2.840.113635.100.8.2';

/** DER in front of the nonce: a sequence of one octet string of 32 bytes, tagged [1]. */
const nonceStart = Buffer.from('3024a1220420', 'hex');

const aaguids = {
  production: Buffer.from('appattest\0\0\0\0\0\0\0'),
  development: Buffer.from('appattestdevelop'),
} as const satisfies Record<IosAttestation['environment'], Buffer>;

/** Verifies objects of one app in one environment. */
export class AppAttest implements AttestationVerifier {
  readonly #roots: readonly Certificate[];
  readonly #rpIdHash: Buffer;
  readonly #aaguid: Buffer;

  /** Roots that cannot be read trust nothing. */
  constructor({ appId, environment, rootCertificates }: IosAttestation) {
    this.#roots = rootCertificates.flatMap((pem) => parseCertificate(pem) ?? []);
    this.#rpIdHash = sha256(appId);
    this.#aaguid = aaguids[environment];
  }

  verify(payload: string, context: AttestationContext): Promise<AttestationFault | undefined> {
    return Promise.resolve(this.#fault(payload, context));
  }

  #fault(payload: string, { claim, ...context }: AttestationContext): AttestationFault | undefined {
    const { bytes } = decodeLenientBase64(payload);
    const object = bytes && parseAttestationObject(bytes);
    const data = object && parseAuthenticatorData(object.authenticatorData);
    if (object === undefined || data === undefined) return 'malformed';
    const chain = object.certificates.flatMap((certificate) => parseCertificate(certificate) ?? []);
    const [device] = chain;
    if (device === undefined || chain.length < object.certificates.length) return 'malformed';
    const nonce = sha256(object.authenticatorData, claim);
    return (
      chainFault(chain, { roots: this.#roots, ...context }) ??
      (nonceOf(device)?.equals(nonce) === true ? undefined : 'other_request') ??
      (pointHash(device)?.equals(data.credentialId) === true ? undefined : 'other_key') ??
      this.#dataFault(data)
    );
  }

  #dataFault({ rpIdHash, counter, aaguid }: AuthenticatorData): AttestationFault | undefined {
    if (!rpIdHash.equals(this.#rpIdHash)) return 'other_app';
    if (counter !== 0) return 'used_key';
    return aaguid.equals(this.#aaguid) ? undefined : 'other_environment';
  }
}

function nonceOf({ extensions }: Certificate): Buffer | undefined {
  const der = extensions.get(nonceExtension);
  const isNonce = der?.length === nonceStart.length + 32 && der.subarray(0, nonceStart.length).equals(nonceStart);
  return isNonce ? der.subarray(nonceStart.length) : undefined;
}

/** SHA-256 of the key as an uncompressed point; undefined off P-256, the curve of the Secure Enclave. */
function pointHash({ publicKey }: Certificate): Buffer | undefined {
  const { crv, x, y } = publicKey.export({ format: 'jwk' });
  if (crv !== 'P-256' || x === undefined || y === undefined) return undefined;
  return sha256(Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url'));
}

function sha256(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}
