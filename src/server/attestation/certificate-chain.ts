/** Whether a chain of certificates leads to a trusted root (RFC 5280, 6.1, as far as App Attest uses it). */
import type { AttestationFault } from '../../domain/attestation/fault.ts';
import type { Certificate } from './certificate.ts';

/** What a chain is held to. */
export interface ChainTrust {
  readonly roots: readonly Certificate[];
  readonly now: Date;
  /** Tolerance for clocks. */
  readonly leewaySeconds: number;
}

/**
 * Each certificate must be issued by the next and the last one by a root; none may be left over, nor issued by itself.
 * @param chain the device's certificate first; without the root
 */
export function chainFault(
  chain: readonly Certificate[],
  { roots, now, leewaySeconds }: ChainTrust,
): AttestationFault | undefined {
  const [last] = chain.slice(-1);
  const root = roots.find((candidate) => last !== undefined && isIssuedBy(last, candidate, chain.length - 1));
  if (root === undefined) return 'untrusted';
  const isBroken = chain.some((certificate, below) => {
    const issuer = chain[below + 1];
    return isSelfIssued(certificate) || (issuer !== undefined && !isIssuedBy(certificate, issuer, below));
  });
  if (isBroken) return 'untrusted';
  return [...chain, root].every((certificate) => isValidAt(certificate, now, leewaySeconds)) ? undefined : 'expired';
}

function isSelfIssued({ x509 }: Certificate): boolean {
  return x509.subject === x509.issuer;
}

/** @param below how many authorities stand between the issuer and the device's certificate */
function isIssuedBy({ x509 }: Certificate, issuer: Certificate, below: number): boolean {
  if (!issuer.isAuthority || below > (issuer.pathLength ?? below)) return false;
  return x509.checkIssued(issuer.x509) && x509.verify(issuer.publicKey);
}

function isValidAt({ validFrom, validThru }: Certificate, now: Date, leewaySeconds: number): boolean {
  const leewayMs = leewaySeconds * 1000;
  return now.getTime() >= validFrom.getTime() - leewayMs && now.getTime() <= validThru.getTime() + leewayMs;
}
