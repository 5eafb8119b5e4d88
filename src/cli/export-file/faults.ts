/** Faults of one file: each told once, and not by the million. */

const maxTold = 20;

/** Collects faults; those beyond the twentieth are only counted. */
export class Faults {
  readonly #told: string[] = [];
  #untold = 0;

  add(fault: string): void {
    if (this.#told.length < maxTold) this.#told.push(fault);
    else this.#untold += 1;
  }

  /** For people: what was found, and how many more there are. */
  list(): readonly string[] {
    return this.#untold === 0 ? this.#told : [...this.#told, `and ${String(this.#untold)} more faults`];
  }
}
