/** Reads JSON byte by byte, so that a fault is told at the position where deployed phones' servers tell it (reference 1.4). */
import { AppError } from '../errors.ts';

/** Deepest nesting of arrays and objects; reference 1.4. */
const deepest = 10_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const plus = 0x2b;
const dot = 0x2e;
const zero = 0x30;
const letterE = 0x65;
const letterU = 0x75;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** What may follow a backslash, but for `u`. */
const escapes = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)));

/** What kind of value comes next. */
export type Kind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';

/** Why reading stopped; positions count bytes from 1. */
export const malformed = 'malformed_json';
export const incomplete = 'incomplete_json';

/**
 * A reader that stands before a value, a name or the end. Every method throws an AppError of the code
 * {@link malformed} at the first byte that no JSON text can have there, or {@link incomplete} at a premature end.
 */
export class JsonReader {
  readonly #bytes: Buffer;
  /** One character a byte: positions in it are positions in the body. */
  readonly #text: string;
  /** The whole body is ASCII without escapes, so that a string ends at the next quote. */
  readonly #isPlain: boolean;
  #at = 0;
  #depth = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#text = bytes.toString('latin1');
    this.#isPlain = isPlain(bytes);
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  /** True when nothing but white space is left. */
  isAtEnd(): boolean {
    return Number.isNaN(this.#skipSpace());
  }

  /** The kind of the value that comes next. */
  kind(): Kind {
    const code = this.#skipSpace();
    if (code === quote) return 'string';
    if (code === minus || isDigit(code)) return 'number';
    if (code === openBrace) return 'object';
    if (code === openBracket) return 'array';
    if (code === 0x74) return 'true';
    if (code === 0x66) return 'false';
    if (code === 0x6e) return 'null';
    return this.#fail();
  }

  /** Enters the object or array that comes next; false when it is empty (and is left again). */
  enter(): boolean {
    const closing = this.#text.charCodeAt(this.#at) === openBrace ? closeBrace : closeBracket;
    if (++this.#depth > deepest) this.#fail();
    this.#at++;
    if (this.#skipSpace() !== closing) return true;
    this.#leave();
    return false;
  }

  /** After a value of an object or array: true when another one comes, false when it ends (and is left). */
  more(of: 'object' | 'array'): boolean {
    const code = this.#skipSpace();
    if (code === comma) {
      this.#at++;
      return true;
    }
    if (code !== (of === 'object' ? closeBrace : closeBracket)) this.#fail();
    this.#leave();
    return false;
  }

  /** The name that comes next, and its colon. */
  name(): string {
    if (this.#skipSpace() !== quote) this.#fail();
    const name = this.string();
    if (this.#skipSpace() !== colon) this.#fail();
    this.#at++;
    return name;
  }

  /** Passes over a name and its colon if it is written exactly so; the usual case, without making a string of it. */
  passName(name: string): boolean {
    if (this.#skipSpace() !== quote) this.#fail();
    const end = this.#at + 1 + name.length;
    if (this.#text.charCodeAt(end) !== quote || !this.#text.startsWith(name, this.#at + 1)) return false;
    this.#at = end + 1;
    if (this.#skipSpace() !== colon) this.#fail();
    this.#at++;
    return true;
  }

  /** The string that comes next; what is not UTF-8 or UTF-16 in it becomes U+FFFD. */
  string(): string {
    const start = this.#at++;
    if (this.#isPlain) {
      const end = this.#text.indexOf('"', this.#at);
      this.#at = end < 0 ? this.#text.length : end;
      if (end < 0) this.#fail();
      this.#at++;
      return this.#text.slice(start + 1, end);
    }
    this.#scanString();
    const literal = this.#bytes.toString('utf8', start, this.#at);
    return (JSON.parse(literal) as string).toWellFormed();
  }

  /** The number that comes next: as a number where it is written in at most 15 digits and nothing else, otherwise as written. */
  number(): number | string {
    const start = this.#at;
    let value = 0;
    while (isDigit(this.#code())) value = value * 10 + this.#text.charCodeAt(this.#at++) - zero;
    const length = this.#at - start;
    const next = this.#code();
    const isBare = length > 0 && (length === 1 || this.#text.charCodeAt(start) !== zero);
    if (isBare && length <= 15 && next !== dot && (next | 0x20) !== letterE) return value;
    this.#at = start;
    this.#scanNumber();
    return this.#text.slice(start, this.#at);
  }

  /** The word that comes next. */
  word(word: 'true' | 'false' | 'null'): void {
    for (let i = 0; i < word.length; i++, this.#at++) {
      if (this.#code() !== word.charCodeAt(i)) this.#fail();
    }
  }

  /** Passes over the value that comes next, whatever it is and however deep. */
  skip(): void {
    const open: ('object' | 'array')[] = [];
    for (;;) {
      const kind = this.kind();
      if (kind === 'object' || kind === 'array') {
        if (this.enter()) {
          open.push(kind);
          if (kind === 'object') this.name();
          continue;
        }
      } else this.#skipScalar(kind);
      let around = open.at(-1);
      while (around && !this.more(around)) {
        open.pop();
        around = open.at(-1);
      }
      if (!around) return;
      if (around === 'object') this.name();
    }
  }

  /** True when only white space is left, or a closing bracket, which the deployed server takes for the end too. */
  isDone(): boolean {
    const code = this.#skipSpace();
    return Number.isNaN(code) || code === closeBracket || code === closeBrace;
  }

  #skipScalar(kind: Exclude<Kind, 'object' | 'array'>): void {
    if (kind === 'string') this.string();
    else if (kind === 'number') this.number();
    else this.word(kind);
  }

  #skipSpace(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = this.#text.charCodeAt(++this.#at);
    return code;
  }

  #scanNumber(): void {
    if (this.#code() === minus) this.#at++;
    if (this.#code() === zero) this.#at++;
    else this.#digits();
    if (this.#code() === dot) {
      this.#at++;
      this.#digits();
    }
    if ((this.#code() | 0x20) !== letterE) return;
    this.#at++;
    if (this.#code() === plus || this.#code() === minus) this.#at++;
    this.#digits();
  }

  #scanString(): void {
    for (let code = this.#code(); code !== quote; code = this.#code()) {
      if (!(code >= 0x20)) this.#fail();
      this.#at++;
      if (code === backslash) this.#escape();
    }
    this.#at++;
  }

  #escape(): void {
    const code = this.#code();
    if (code !== letterU && !escapes.has(code)) this.#fail();
    this.#at++;
    if (code !== letterU) return;
    for (let i = 0; i < 4; i++, this.#at++) {
      if (!isHexDigit(this.#code())) this.#fail();
    }
  }

  #digits(): void {
    if (!isDigit(this.#code())) this.#fail();
    while (isDigit(this.#code())) this.#at++;
  }

  #leave(): void {
    this.#at++;
    this.#depth--;
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #fail(): never {
    if (this.#at >= this.#text.length) throw new AppError('invalid', incomplete, 'malformed json');
    throw new AppError('invalid', malformed, `malformed json at position ${String(this.#at + 1)}`);
  }
}

/** True for ASCII without control characters and backslashes. */
function isPlain(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte < 0x20 || byte > 0x7f || byte === backslash) return false;
  }
  return true;
}

function isDigit(code: number): boolean {
  return code >= zero && code <= 0x39;
}

function isHexDigit(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}
