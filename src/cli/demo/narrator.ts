/** Tells a story on a terminal: numbered chapters, and facts below them. */
import type { Io } from '../io.ts';

const bold = ['\u001B[1m', '\u001B[22m'] as const;
const red = ['\u001B[31m', '\u001B[39m'] as const;
const labelWidth = 12;

/** Writes as it happens; colours only where somebody looks. */
export class Narrator {
  readonly #io: Io;
  readonly #hasColours: boolean;
  #number = 0;
  /** Heading of the present chapter. */
  chapter = 'the beginning';

  constructor(io: Io) {
    this.#io = io;
    this.#hasColours = io.stdout.isTTY === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb';
  }

  /** Begins a chapter. */
  begin(chapter: string): void {
    this.#number += 1;
    this.chapter = chapter;
    this.#write(`\n${this.#painted(`${String(this.#number)}  ${chapter}`, bold)}`);
  }

  /** A sentence. */
  say(sentence: string): void {
    this.#write(`   ${sentence}`);
  }

  /** A fact with its name. */
  tell(label: string, fact: string): void {
    this.#write(`   ${label.padEnd(labelWidth)} ${fact}`);
  }

  /** What everything was done for. */
  warn(sentence: string): void {
    this.#write(`   ${this.#painted(sentence, red)}`);
  }

  #painted(text: string, [begin, end]: readonly [string, string]): string {
    return this.#hasColours ? `${begin}${text}${end}` : text;
  }

  #write(line: string): void {
    this.#io.stdout.write(`${line}\n`);
  }
}
