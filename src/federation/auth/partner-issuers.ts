/** The issuers whose tokens partners may have: however many strangers ask at once, one of them reads. */
import type { Database } from '../../storage/database.ts';
import { readPartnerIssuers } from '../../storage/partners/partners.ts';

/** Asked for each call, before anything is known of the caller. */
export class PartnerIssuers {
  readonly #database: Database;
  /** Has not begun: whoever asks now may wait for it. */
  #next: Promise<ReadonlySet<string>> | undefined;
  #underWay: Promise<unknown> = Promise.resolve();

  constructor(database: Database) {
    this.#database = database;
  }

  /** True when a partner has tokens of that issuer, as is configured at the time of the question. @throws AppError of the database */
  async has(issuer: string): Promise<boolean> {
    return (await (this.#next ??= this.#read())).has(issuer);
  }

  async #read(): Promise<ReadonlySet<string>> {
    await this.#underWay.catch(() => undefined);
    this.#next = undefined;
    const reading = readPartnerIssuers(this.#database);
    this.#underWay = reading;
    return await reading;
  }
}
