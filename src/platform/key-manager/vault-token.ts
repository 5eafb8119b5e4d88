/** The token that Vault knows us by: given and renewed, read from a file that an agent writes, or got by logging in. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import { managerDenied, managerUnavailable } from './faults.ts';
import { isObject, wordsOf, type VaultHttp } from './vault-http.ts';
import { TokenRenewal } from './vault-token-renewal.ts';

/** Where the token comes from. */
export type VaultCredentials =
  | { readonly kind: 'token'; readonly token: string }
  /** A file that somebody else keeps fresh: Vault's agent, its sidecar, a CSI driver. */
  | { readonly kind: 'file'; readonly path: string }
  /** The Kubernetes or JWT method: the service account's token for one of Vault's. */
  | { readonly kind: 'login'; readonly role: string; readonly mount: string; readonly jwtPath: string }
  /** An agent on loopback adds it. */
  | { readonly kind: 'agent' };

/** A source of tokens. */
export interface VaultTokens {
  /** Undefined = none is sent. */
  current(): Promise<string | undefined>;
  /** Another one than that which Vault has just refused; undefined when there is none. */
  insteadOf(refused: string | undefined): Promise<string | undefined>;
}

/** The source that the credentials name. */
export function vaultTokens(credentials: VaultCredentials, http: VaultHttp, clock: Clock): VaultTokens {
  switch (credentials.kind) {
    case 'token':
      return new GivenToken(credentials.token, http);
    case 'file':
      return new FileToken(credentials.path);
    case 'login':
      return new LoginToken(credentials, http, clock);
    case 'agent':
      return { current: () => Promise.resolve(undefined), insteadOf: () => Promise.resolve(undefined) };
  }
}

class GivenToken implements VaultTokens {
  readonly #token: string;
  readonly #renewal: TokenRenewal;

  constructor(token: string, http: VaultHttp) {
    this.#token = token;
    this.#renewal = new TokenRenewal(token, http);
  }

  current(): Promise<string> {
    this.#renewal.begin();
    return Promise.resolve(this.#token);
  }

  insteadOf(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** Read at each use: a file on this machine costs nothing beside the call. */
class FileToken implements VaultTokens {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async current(): Promise<string> {
    return await readToken(this.#path, 'ENMESH_VAULT_TOKEN_FILE');
  }

  async insteadOf(refused: string | undefined): Promise<string | undefined> {
    const token = await this.current();
    return token === refused ? undefined : token;
  }
}

interface Login {
  readonly token: string;
  /** When the next one is due; undefined = this one does not end. */
  readonly until: Date | undefined;
}

/** A login is repeated before its token ends: that also takes up what the role has got since, and needs no timer. */
class LoginToken implements VaultTokens {
  readonly #credentials: VaultCredentials & { readonly kind: 'login' };
  readonly #http: VaultHttp;
  readonly #clock: Clock;
  #latest: Login | undefined;
  #pending: Promise<Login> | undefined;

  constructor(credentials: VaultCredentials & { readonly kind: 'login' }, http: VaultHttp, clock: Clock) {
    this.#credentials = credentials;
    this.#http = http;
    this.#clock = clock;
  }

  async current(): Promise<string> {
    const latest = this.#latest;
    if (latest && (latest.until === undefined || this.#clock.now() < latest.until)) return latest.token;
    return (await this.#logIn()).token;
  }

  async insteadOf(refused: string | undefined): Promise<string> {
    if (this.#latest?.token === refused) this.#latest = undefined;
    return await this.current();
  }

  /** Calls that need a token at the same time share one login. */
  #logIn(): Promise<Login> {
    this.#pending ??= this.#ask().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #ask(): Promise<Login> {
    const { role, mount, jwtPath } = this.#credentials;
    const jwt = await readToken(jwtPath, 'ENMESH_VAULT_JWT_FILE');
    const asked = this.#clock.now();
    const { status, content } = await this.#http.exchange(
      { method: 'POST', path: `auth/${mount}/login`, body: { role, jwt } },
      undefined,
    );
    if (status !== 200) {
      const cure = `let this service account log in as ENMESH_VAULT_ROLE at auth/${mount}`;
      throw managerDenied(
        cure,
        new Error(`Vault answers the login with status ${String(status)}: ${wordsOf(content)}`),
      );
    }
    const { auth } = content;
    if (!isObject(auth) || typeof auth.client_token !== 'string' || typeof auth.lease_duration !== 'number') {
      throw managerUnavailable(new Error('Vault answers a login without a token'));
    }
    // A third of its life is left for a Vault that does not answer now.
    const lifeMs = (auth.lease_duration * 1000 * 2) / 3;
    const until = auth.lease_duration === 0 ? undefined : new Date(asked.getTime() + lifeMs);
    return (this.#latest = { token: auth.client_token, until });
  }
}

async function readToken(path: string, variable: string): Promise<string> {
  try {
    const token = (await readFile(path, 'utf8')).trim();
    if (token !== '') return token;
  } catch {
    // The system's words hold the path, which the variable's name tells as well.
  }
  throw managerUnavailable(new Error(`the file of ${variable} is not there, cannot be read or is empty`));
}
