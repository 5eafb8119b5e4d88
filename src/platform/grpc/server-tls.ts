/** TLS of a gRPC server, and which names a caller's certificate proves. */
import {
  type Metadata,
  type ServerInterceptor,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerListener,
} from '@grpc/grpc-js';
import type { ServerTls } from '../config/tls-files.ts';

/**
 * Asks for a client certificate where `clientCa` is set but lets callers without one connect:
 * health is open to everyone, and all else is refused with a status that says why.
 */
export class TlsCredentials extends ServerCredentials {
  constructor(tls: ServerTls) {
    super(
      { requestCert: tls.clientCa !== undefined, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
      { cert: tls.cert, key: tls.key, ...(tls.clientCa === undefined ? {} : { ca: tls.clientCa }) },
    );
  }

  override _equals(other: ServerCredentials): boolean {
    return other === this;
  }
}

/**
 * Request metadata that carries the names further, separated by spaces: absent without a verified certificate, empty for
 * one without names. What callers send under it is thrown away.
 */
export const peerNamesKey = 'enmesh-peer-names';

/** Puts the DNS and URI names of the verified client certificate into the call's metadata. */
export const passPeerNames: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(call, {
    start: (next) => {
      const certificate = call.getAuthContext().sslPeerCertificate;
      const listener: ServerListener = {
        onReceiveMetadata: (metadata: Metadata, forward) => {
          metadata.remove(peerNamesKey);
          if (certificate !== undefined) {
            metadata.set(peerNamesKey, peerNames(certificate.subjectaltname).join(' '));
          }
          forward(metadata);
        },
      };
      next(listener);
    },
  });

/**
 * DNS and URI names out of Node's text form, `DNS:a.example, URI:spiffe://a/b`. Node quotes values that
 * could be mistaken for several; those are left out, and a text of another form has no names at all.
 */
export function peerNames(subjectAltName: string | undefined): string[] {
  const names: string[] = [];
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  while (subjectAltName !== undefined && entry.lastIndex < subjectAltName.length) {
    const [, type, value = ''] = entry.exec(subjectAltName) ?? [];
    if (type === undefined) return [];
    if ((type === 'DNS' || type === 'URI') && /^[!#-~]+$/.test(value)) names.push(value);
  }
  return names;
}
