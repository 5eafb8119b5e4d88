/** One request to Vault's HTTP API: over verified TLS, bounded in size and time, and never sent on elsewhere. */
import { Agent, request } from 'undici';
import { managerUnavailable } from './faults.ts';

/** Where Vault is. */
export interface VaultPlace {
  /** `https://HOST:PORT`, perhaps with a path before `/v1`. */
  readonly address: string;
  readonly namespace?: string;
  /** PEM; the system's roots when not given. */
  readonly ca?: string;
  /** For one request, from the name look-up to the last byte. */
  readonly timeoutMs: number;
}

/** What is asked. */
export interface VaultRequest {
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`, made of checked names. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** What Vault says to it, whether it does it or not. */
export interface VaultAnswer {
  /** 2xx, 400, 403 or 404. */
  readonly status: number;
  /** Members of the JSON object; none for an answer without a body. */
  readonly content: Readonly<Record<string, unknown>>;
}

/** A key with some hundred versions has less. */
const mostBytes = 1024 * 1024;
/** Of Vault's words, in the log. */
const mostWords = 300;
/** Answers that are about the request; all others are about Vault. */
const told: ReadonlySet<number> = new Set([200, 204, 400, 403, 404]);

/** A connection that is kept between requests. */
export class VaultHttp {
  readonly #place: VaultPlace;
  readonly #agent: Agent;

  constructor(place: VaultPlace) {
    this.#place = place;
    const { ca, timeoutMs } = place;
    this.#agent = new Agent({
      connect: { rejectUnauthorized: true, timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) },
      allowH2: false,
      maxResponseSize: mostBytes,
    });
  }

  /**
   * @param token undefined = none is sent, and an agent in between adds its own
   * @throws AppError unavailable `key_manager_unavailable` for an answer that says nothing of the request: sealed,
   *   throttled, failed, redirected (a token goes nowhere but to ENMESH_VAULT_ADDR), no JSON, or none within the time limit
   */
  async exchange({ method, path, body }: VaultRequest, token: string | undefined): Promise<VaultAnswer> {
    const { address, namespace, timeoutMs } = this.#place;
    const signal = AbortSignal.timeout(timeoutMs);
    let status: number, text: string;
    try {
      const response = await request(`${address.replace(/\/+$/, '')}/v1/${path}`, {
        method,
        dispatcher: this.#agent,
        headers: {
          accept: 'application/json',
          // Agents may be told to refuse requests without it: no browser can be made to send it.
          'x-vault-request': 'true',
          ...(token === undefined ? {} : { 'x-vault-token': token }),
          ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal,
      });
      [status, text] = [response.statusCode, await response.body.text()];
    } catch (error) {
      throw managerUnavailable(new Error(signal.aborted ? 'Vault took too long' : networkFault(error)));
    }
    const content = contentOf(text);
    if (!told.has(status) || content === undefined) throw managerUnavailable(answerFault(status, content));
    return { status, content };
  }
}

function contentOf(text: string): VaultAnswer['content'] | undefined {
  if (text === '') return {};
  try {
    const content: unknown = JSON.parse(text);
    return isObject(content) ? content : undefined;
  } catch {
    return undefined;
  }
}

/** True for what has members. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Vault's own words, for the log. */
export function wordsOf({ errors }: VaultAnswer['content']): string {
  const words = Array.isArray(errors) ? errors.filter((word) => typeof word === 'string').join('; ') : '';
  return words.slice(0, mostWords);
}

function answerFault(status: number, content: VaultAnswer['content'] | undefined): Error {
  if (content === undefined)
    return new Error(`what answers with status ${String(status)} at ENMESH_VAULT_ADDR is not Vault`);
  if (status >= 300 && status < 400) {
    return new Error(
      'Vault redirects, which is not followed: ENMESH_VAULT_ADDR must be the active node or a load balancer',
    );
  }
  return new Error(`Vault answers with status ${String(status)}: ${wordsOf(content)}`);
}

/** In a word of the network library's: its texts hold addresses. */
function networkFault(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/CERT|SIGNATURE|ISSUER|ERR_TLS/.test(code)) {
    return `Vault shows a certificate that is not trusted (${code}; is its root in ENMESH_VAULT_CACERT?)`;
  }
  return /^[A-Z0-9_]{1,60}$/.test(code) ? `Vault cannot be reached (${code})` : 'Vault cannot be reached';
}
