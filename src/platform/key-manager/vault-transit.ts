/** Calls of Vault's transit engine with our token, and what its refusals mean. */
import { invalidKeyName, keyUnusable, managerDenied } from './faults.ts';
import { wordsOf, type VaultAnswer, type VaultHttp } from './vault-http.ts';
import { readTransitKey, type TransitKey } from './vault-key.ts';
import type { VaultTokens } from './vault-token.ts';

/** What is done with the key that the path ends in. */
type Capability = 'read' | 'list' | 'update';

/** As Vault's own names: a word character at both ends, so that no name climbs out of the mount. */
const keyName = /^\w(?:[\w.-]{0,126}\w)?$/;

/** The transit engine at one mount. */
export class VaultTransit {
  readonly #http: VaultHttp;
  readonly #tokens: VaultTokens;
  readonly #mount: string;

  constructor(http: VaultHttp, tokens: VaultTokens, mount: string) {
    this.#http = http;
    this.#tokens = tokens;
    this.#mount = mount;
  }

  /** Names of all its keys. */
  async names(): Promise<readonly string[]> {
    const { status, content } = await this.#call('list', 'keys?list=true');
    const { keys } = (status === 200 ? content.data : {}) as { readonly keys?: unknown };
    return Array.isArray(keys) ? keys.filter((name): name is string => keyName.test(String(name))) : [];
  }

  /** Undefined when there is no such key. @throws AppError invalid `invalid_key_name` */
  async key(name: string): Promise<TransitKey | undefined> {
    if (!keyName.test(name)) {
      throw invalidKeyName('up to 128 of a-z, A-Z, 0-9, _, hyphen and dot; the last two not at its ends');
    }
    const { status, content } = await this.#call('read', `keys/${name}`);
    return status === 200 ? readTransitKey(name, content.data) : undefined;
  }

  /** Makes a key; Vault leaves an existing one alone. */
  async create(name: string, type: 'ecdsa-p256' | 'aes256-gcm96'): Promise<void> {
    await this.#change(name, `keys/${name}`, { type });
  }

  /** Adds a version to a key that signs or encrypts. */
  async rotate(name: string): Promise<void> {
    await this.#change(name, `keys/${name}/rotate`, {});
  }

  /**
   * `sign/NAME/sha2-256`, `encrypt/NAME` or `decrypt/NAME`. The name is one that {@link key} has found.
   * @returns `data` of the answer; undefined when Vault says that it cannot do that
   */
  async use(path: string, body: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { status, content } = await this.#call('update', path, body);
    return status === 200 ? content.data : undefined;
  }

  async #change(name: string, path: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    const { status, content } = await this.#call('update', path, body);
    if (status === 200 || status === 204) return;
    throw keyUnusable(`Vault does not make a version of the key ${name}`, answered(status, content));
  }

  /** A token that has ended looks as one that may not do that: another one, if there is, is tried once. */
  async #call(capability: Capability, path: string, body?: Readonly<Record<string, unknown>>): Promise<VaultAnswer> {
    const request = {
      method: capability === 'update' ? 'POST' : 'GET',
      path: `${this.#mount}/${path}`,
      ...(body === undefined ? {} : { body }),
    } as const;
    const token = await this.#tokens.current();
    let answer = await this.#http.exchange(request, token);
    if (answer.status === 403) {
      const other = await this.#tokens.insteadOf(token);
      if (other !== undefined) answer = await this.#http.exchange(request, other);
    }
    const { status, content } = answer;
    if (status === 404 && /no handler for route/.test(wordsOf(content))) {
      throw managerDenied(`there is no transit engine at ${this.#mount}`, answered(status, content));
    }
    if (status !== 403) return answer;
    const place = request.path.replace(/\?.*/, '');
    const cure = `see that our token has not ended, and that a policy of it has "${capability}" on ${place}`;
    throw managerDenied(cure, answered(status, content));
  }
}

/** For the log. */
function answered(status: number, content: VaultAnswer['content']): Error {
  return new Error(`Vault answers with status ${String(status)}: ${wordsOf(content)}`);
}
