/** Reads what documents tell in tables and in blocks of code. */
import { readFileSync } from 'node:fs';

/** A document of docs/. */
export function document(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

/** The block of code that is called so behind its language. */
export function block(markdown: string, name: string): string {
  const found = new RegExp(`^\`\`\`\\w+ ${name}\n([^]*?)\n\`\`\`$`, 'm').exec(markdown)?.[1];
  if (found === undefined) throw new Error(`no block ${name}`);
  return found;
}

/** The same, read as JSON. */
export function jsonBlock(markdown: string, name: string): unknown {
  return JSON.parse(block(markdown, name));
}

/** Rows of the one table with these headings, cell by cell. */
export function tableRows(markdown: string, ...headings: readonly string[]): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cellsOf(line).join('|') === headings.join('|'));
  if (start < 0) throw new Error(`no table ${headings.join(', ')}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map(cellsOf);
}

/** A cell without the marks of code. */
export function plain(cell: string | undefined): string {
  return (cell ?? '').replaceAll('`', '');
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
