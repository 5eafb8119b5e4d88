/** Sends what phones and attackers send to a running product, and remembers every secret that was in it or came back. */
import type { Phone, PublishBody, PublishOptions } from './phone.ts';
import { Secrets } from './secrets.ts';

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly token: string;
}

/** One sender after another, each with an address of its own that a trusted proxy tells. */
export class PhoneTraffic {
  readonly secrets = new Secrets();
  readonly gatewayUrl: string;
  readonly phone: Phone;
  #senders = 0;

  constructor(gatewayUrl: string, phone: Phone) {
    this.gatewayUrl = gatewayUrl;
    this.phone = phone;
  }

  /** The headers that tell the next sender, in each of the ways in which a proxy tells it. */
  nextSender(): Record<string, string> {
    const number = ++this.#senders;
    const address = number % 2 ? `203.0.113.${String(number)}` : `2001:db8:${number.toString(16)}::77`;
    this.secrets.add(`address ${String(number)}`, address);
    return number % 4 < 2 ? { 'x-forwarded-for': address } : { forwarded: `for="[${address}]"` };
  }

  /** A certified request, changed as asked. */
  body(options: Partial<PublishOptions> = {}, phone = this.phone): PublishBody {
    const body = phone.publishBody({ now: new Date(), ...options });
    this.remember(body);
    return body;
  }

  /** Notes the secrets of a request. */
  remember({ temporaryExposureKeys, verificationPayload, hmacKey, revisionToken }: Partial<PublishBody>): void {
    for (const { key } of temporaryExposureKeys ?? []) if (key.length > 8) this.secrets.addBytes('a key', key);
    if (verificationPayload?.includes('.')) this.secrets.addToken('a certificate', verificationPayload);
    if (hmacKey !== undefined && hmacKey.length > 8) this.secrets.addBytes('an HMAC key', hmacKey);
    if (revisionToken !== undefined && revisionToken.length > 8) this.secrets.addBytes('a token', revisionToken);
  }

  /** POSTs to a path, by default `/v1/publish`, from a new sender unless `headers` say from whom. */
  async post(body: object | string, path = '/v1/publish', headers: Record<string, string> = {}): Promise<Reply> {
    const isTold = 'x-forwarded-for' in headers || 'forwarded' in headers;
    const response = await fetch(`${this.gatewayUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(isTold ? {} : this.nextSender()), ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const { revisionToken: token = '' } = JSON.parse(text) as { revisionToken?: string };
    if (token !== '') this.secrets.addBytes('a token that was answered', token);
    return { status: response.status, body: text, token };
  }
}
