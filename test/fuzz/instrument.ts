/**
 * Loads the product's modules with a counter at every branch, so that fuzzing knows what an input reached. (Jazzer.js's
 * native part wants a newer C library than common Linux distributions have, and V8's own coverage takes milliseconds
 * to ask.)
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Most branches that are told apart. */
const capacity = 65_536;
const countersName = '__fuzzCounters';

/** What instrumented modules tell. */
export interface Coverage {
  /** How often each branch was taken, modulo 256; whoever runs an input sets them to zero before. */
  readonly counters: Uint8Array;
  /** Strings that the modules speak of: what an input may have to hold to get on. */
  readonly words: ReadonlySet<string>;
  /** Branches of all modules loaded so far. */
  readonly size: number;
}

/** Instruments every TypeScript module that is imported from now on and whose URL begins like one of `roots`. */
export function instrument(roots: readonly URL[]): Coverage {
  const coverage = { counters: new Uint8Array(capacity), words: new Set<string>(), size: 0 };
  Object.defineProperty(globalThis, countersName, { value: coverage.counters });
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.endsWith('.ts') || !roots.some(({ href }) => url.startsWith(href))) return nextLoad(url, context);
      const source = readFileSync(fileURLToPath(url), 'utf8');
      const module = new BranchCounters(ts.createSourceFile(url, source, ts.ScriptTarget.ESNext), coverage.size);
      coverage.size = module.next;
      for (const word of module.words) coverage.words.add(word);
      return { format: 'module', shortCircuit: true, source: stripTypeScriptTypes(module.apply(source)) };
    },
  });
  return coverage;
}

/** Finds the branches of one module; text is only ever put in, so that lines keep their numbers. */
class BranchCounters {
  readonly words = new Set<string>();
  /** The first counter that is free. */
  next: number;
  readonly #file: ts.SourceFile;
  readonly #insertions: { readonly at: number; readonly text: string }[] = [];

  constructor(file: ts.SourceFile, first: number) {
    this.#file = file;
    this.next = first;
    this.#visit(file);
  }

  /** The source with its counters. */
  apply(source: string): string {
    let done = 0;
    let text = '';
    // The sort is stable: what encloses opens first and closes last.
    for (const { at, text: inserted } of this.#insertions.toSorted((a, b) => a.at - b.at)) {
      text += source.slice(done, at) + inserted;
      done = at;
    }
    return text + source.slice(done);
  }

  #visit(node: ts.Node): void {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isInterfaceDeclaration(node)) return;
    if (ts.isStringLiteralLike(node) && node.text !== '') this.words.add(node.text);
    if (ts.isBlock(node)) this.#insert(node.getStart(this.#file) + 1, `${this.#count()};`);
    if (ts.isCaseOrDefaultClause(node)) {
      for (const statement of node.statements.slice(0, 1)) {
        this.#insert(statement.getStart(this.#file), `${this.#count()};`);
      }
    }
    ts.forEachChild(node, (child) => {
      if (isBranchStatement(node, child)) this.#enclose(child, [`{${this.#count()};`, '}']);
      else if (isBranchExpression(node, child)) this.#enclose(child, [`(${this.#count()},`, ')']);
      else this.#visit(child);
    });
  }

  #enclose(node: ts.Node, [before, after]: readonly [string, string]): void {
    this.#insert(node.getStart(this.#file), before);
    this.#visit(node);
    this.#insert(node.getEnd(), after);
  }

  #count(): string {
    return `${countersName}[${Math.min(this.next++, capacity - 1)}]++`;
  }

  #insert(at: number, text: string): void {
    this.#insertions.push({ at, text });
  }
}

/** A statement that runs sometimes, or several times, and is no block. */
function isBranchStatement(parent: ts.Node, child: ts.Node): boolean {
  if (ts.isBlock(child)) return false;
  if (ts.isIfStatement(parent)) return child !== parent.expression;
  return ts.isIterationStatement(parent, false) && child === parent.statement;
}

/** An expression that is computed sometimes. */
function isBranchExpression(parent: ts.Node, child: ts.Node): boolean {
  if (ts.isConditionalExpression(parent)) return child === parent.whenTrue || child === parent.whenFalse;
  if (ts.isArrowFunction(parent)) return child === parent.body && !ts.isBlock(child);
  return ts.isBinaryExpression(parent) && child === parent.right && shortCuts.has(parent.operatorToken.kind);
}

const shortCuts: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);
