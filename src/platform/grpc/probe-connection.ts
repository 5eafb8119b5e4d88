/** Finds out why a server cannot be reached: grpc-js says only that it cannot. */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { hostOfTarget } from '../config/address.ts';
import { hostOptions, type CallTls } from './client-tls.ts';

/** Why no call gets through. */
export type ConnectionFault =
  /** Its name has no address. */
  | 'name_unknown'
  /** Nothing listens at its port. */
  | 'refused'
  /** Nothing answers in time, or there is no way to it. */
  | 'unanswered'
  /** Its certificate is of nobody whom we trust. */
  | 'untrusted'
  /** Its certificate is not valid now. */
  | 'expired'
  /** Its certificate names other hosts. */
  | 'wrong_name'
  /** It speaks, but no TLS. */
  | 'not_tls'
  /** It refuses our certificate, or that we show none. */
  | 'certificate_refused'
  /** TLS fails for another reason. */
  | 'tls_failed'
  /** It takes the connection and does not speak HTTP/2 on it. */
  | 'not_http2';

/** In which nothing happens. */
const timeoutMs = 5_000;

/** Words of Node and OpenSSL. */
const faults: readonly (readonly [ConnectionFault, RegExp])[] = [
  ['name_unknown', /^(ENOTFOUND|EAI_AGAIN|EAI_FAIL|ENODATA)$/],
  ['refused', /^ECONNREFUSED$/],
  ['unanswered', /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/],
  ['wrong_name', /^ERR_TLS_CERT_ALTNAME_INVALID$/],
  ['expired', /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/],
  ['untrusted', /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|^(INVALID_CA|CERT_[A-Z_]+|PATH_LENGTH_EXCEEDED)$/],
  ['not_tls', /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|^EPROTO$/],
  ['certificate_refused', /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)/],
  ['tls_failed', /^ERR_(SSL|TLS)_/],
];

/** RFC 9113, 3.4: the client's first words, with empty settings. Node's own client says nothing of a refused certificate. */
const firstWords = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1');
/** RFC 9113, 4.1: byte of a frame that tells its type, and the type of the server's first one. */
const typeAt = 3;
const settingsType = 4;

/**
 * Connects as a call would, as far as the server's first words.
 * @param target `HOST:PORT` or `dns:///HOST:PORT`
 * @param tls undefined = plain text
 * @returns undefined when nothing is wrong (any more)
 */
export async function probeConnection(target: string, tls: CallTls | undefined): Promise<ConnectionFault | undefined> {
  const host = hostOfTarget(target);
  const port = Number(target.slice(target.lastIndexOf(':') + 1));
  const socket =
    tls === undefined
      ? connectPlain({ host, port })
      : connectSecure({ port, ALPNProtocols: ['h2'], ...tls, ...hostOptions(host) });
  try {
    return await spokenTo(socket, tls === undefined ? 'connect' : 'secureConnect');
  } finally {
    socket.destroy();
  }
}

async function spokenTo(socket: Socket, connected: string): Promise<ConnectionFault | undefined> {
  return await new Promise((resolve) => {
    let isConnected = false;
    let answer = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => {
      resolve('unanswered');
    });
    socket.once(connected, () => {
      isConnected = true;
      socket.write(firstWords);
    });
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length > typeAt) resolve(answer[typeAt] === settingsType ? undefined : 'not_http2');
    });
    socket.on('error', (error) => {
      resolve(faultOf(error, isConnected));
    });
    socket.once('close', () => {
      resolve('not_http2');
    });
  });
}

function faultOf(error: Error, isConnected: boolean): ConnectionFault {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const found = faults.find(([, words]) => words.test(code));
  return found?.[0] ?? (isConnected ? 'not_http2' : 'tls_failed');
}
