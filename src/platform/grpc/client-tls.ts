/** TLS of gRPC calls. grpc-js's own credentials name the called host in the handshake also where it is an IP address, which TLS does not know. */
import { isIP } from 'node:net';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { CallCredentials, ChannelCredentials, type experimental } from '@grpc/grpc-js';

/** PEM texts: who signs the server's certificate (the system's roots when not given), and our own certificate for it. */
export interface CallTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;
type Socket = Parameters<Connector['connect']>[0];

/** How a host is named and its certificate checked: by name where it has one, by address otherwise. */
export function hostOptions(host: string): { readonly host: string; readonly servername?: string } {
  return isIP(host) === 0 ? { host, servername: host } : { host };
}

/** For the channels of one target. */
export class TlsChannelCredentials extends ChannelCredentials {
  readonly #context: SecureContext;
  readonly #host: string;

  /** @throws Error of OpenSSL for texts that are no PEM, and for a key that is not the certificate's */
  constructor({ ca, cert, key }: CallTls, host: string) {
    super();
    this.#context = createSecureContext({ ca, cert, key });
    this.#host = host;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(_target: unknown, _options: unknown, credentials?: CallCredentials): Connector {
    return {
      connect: async (socket) => await this.#secure(socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => credentials ?? CallCredentials.createEmpty(),
      destroy: () => undefined,
    };
  }

  async #secure(socket: Socket): Promise<experimental.SecureConnectResult> {
    const options = { socket, secureContext: this.#context, ALPNProtocols: ['h2'], ...hostOptions(this.#host) };
    return await new Promise((resolve, reject) => {
      const secured = connect(options, () => {
        resolve({ socket: secured, secure: true });
      });
      secured.on('error', reject);
    });
  }
}
