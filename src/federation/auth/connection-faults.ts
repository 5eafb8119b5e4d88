/** What an operator reads when a partner cannot be reached: the cause and the cure. Nothing in it is the partner's own words. */
import { AppError } from '../../domain/errors.ts';
import type { Explain } from '../../platform/grpc/connected.ts';
import { probeConnection, type ConnectionFault } from '../../platform/grpc/probe-connection.ts';
import type { CallTls } from '../../platform/grpc/client-tls.ts';

interface Words {
  readonly code: string;
  readonly text: string;
  /** A try in some seconds would end the same way. */
  readonly isLasting: boolean;
}

const words: Readonly<Record<ConnectionFault, Words>> = {
  name_unknown: {
    code: 'partner_name_unknown',
    text: 'the name in its `address` has no IP address as seen from here: correct `address`, or look at the DNS',
    isLasting: false,
  },
  refused: {
    code: 'partner_refuses_connections',
    text: 'nothing listens at its `address`: correct host and port, or ask the partner whether its federation role runs',
    isLasting: false,
  },
  unanswered: {
    code: 'partner_unanswered',
    text: 'nothing answers at its `address`: a firewall stands between, here or there, or its machine is down',
    isLasting: false,
  },
  untrusted: {
    code: 'partner_tls_untrusted',
    text: 'its TLS certificate is of no CA that we trust: set ENMESH_FEDERATION_CA to that CA, or ask the partner for its whole chain',
    isLasting: true,
  },
  expired: {
    code: 'partner_tls_expired',
    text: 'its TLS certificate has expired or is not valid yet: the partner must renew it, unless our clock is wrong',
    isLasting: true,
  },
  wrong_name: {
    code: 'partner_tls_name',
    text: 'its TLS certificate names other hosts: `address` must have a name of the certificate, or the partner needs one with this name',
    isLasting: true,
  },
  not_tls: {
    code: 'partner_tls_missing',
    text: 'it speaks no TLS at its `address`: the partner must set ENMESH_FEDERATION_TLS_CERT and ENMESH_FEDERATION_TLS_KEY, or another port is meant',
    isLasting: true,
  },
  certificate_refused: {
    code: 'partner_tls_certificate',
    text: 'it refuses our TLS certificate, or that we show none: set ENMESH_FEDERATION_CLIENT_TLS_CERT and ENMESH_FEDERATION_CLIENT_TLS_KEY to what the partner expects',
    isLasting: true,
  },
  tls_failed: {
    code: 'partner_tls_failed',
    text: 'TLS with it fails: something between may end the connection, or no version or cipher suits both sides; ask the partner for its log',
    isLasting: true,
  },
  not_http2: {
    code: 'partner_not_grpc',
    text: 'something takes connections at its `address` and speaks no gRPC: another program, a proxy without HTTP/2, or TLS where we speak plain text (ENMESH_FEDERATION_CA turns TLS on)',
    isLasting: false,
  },
};

const texts: ReadonlyMap<string, string> = new Map(Object.values(words).map(({ code, text }) => [code, text]));

/** The sentence for a code; undefined for every other error. */
export function connectionFaultText(code: string): string | undefined {
  return texts.get(code);
}

/** Tells why a partner's server cannot be reached: errors of kind unavailable, each with a code of its own. */
export function explainConnection(address: string, tls: CallTls | undefined): Explain {
  return async () => {
    const fault = await probeConnection(address, tls);
    if (fault === undefined) return undefined;
    const { code, text, isLasting } = words[fault];
    return { error: new AppError('unavailable', code, text), isLasting };
  };
}
