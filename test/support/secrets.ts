/** Everything that phones sent and must not be found again, in each form in which a careless line could hold it. */

/** Collects secrets and looks for them. */
export class Secrets {
  readonly #forms = new Map<string, string>();

  /** Text that is searched for as it is. */
  add(what: string, text: string): void {
    if (text.length < 8) throw new Error(`${what} is too short to be searched for`);
    this.#forms.set(text, what);
  }

  /** Bytes in base64: searched for in base64, base64url and hex, without padding. */
  addBytes(what: string, base64: string): void {
    const bytes = Buffer.from(base64, 'base64');
    this.add(what, base64.replace(/=+$/, ''));
    this.add(what, bytes.toString('base64').replace(/=+$/, ''));
    this.add(what, bytes.toString('base64url'));
    this.add(what, bytes.toString('hex'));
    this.add(what, bytes.toString('hex').toUpperCase());
  }

  /** A compact JWS: searched for by each of its segments but the header, which all of them share. */
  addToken(what: string, token: string): void {
    for (const segment of token.split('.').slice(1)) this.add(what, segment);
  }

  /** What of it stands in a text: names, not values. */
  foundIn(text: string): string[] {
    return [...new Set([...this.#forms].filter(([form]) => text.includes(form)).map(([, what]) => what))];
  }

  get size(): number {
    return this.#forms.size;
  }
}
