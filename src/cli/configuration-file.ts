/** A configuration file on disk → Configuration: YAML, with public keys read from where the file says they lie. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LineCounter, parseDocument, type YAMLError } from 'yaml';
import type { Configuration } from '../domain/configuration/configuration.ts';
import { parseConfiguration } from '../domain/configuration/parse-configuration.ts';
import { AppError } from '../domain/errors.ts';
import { resolveSecret } from '../platform/secrets/secrets.ts';

/** A place in the document that a secret reference stands in. */
interface KeyPlace {
  /** Such as `healthAuthorities[0].keys[0].publicKeyPem`. */
  readonly path: string;
  readonly holder: Record<string, unknown>;
}

const field = 'publicKeyPem';
const filePrefix = 'secret://file/';

/** What references in a file are looked up in. */
interface Surroundings {
  /** Such as process.env. */
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir?: string | undefined;
}

/**
 * Reads a file. `secret://file/PATH` in a public key counts from the root, or where nothing lies there from the data
 * directory; `./PATH` and `../PATH` count from the working directory.
 * @throws AppError `invalid`/`invalid_configuration` with one detail line a fault: line numbers for bad YAML, else paths
 */
export async function readConfigurationFile(path: string, surroundings: Surroundings): Promise<Configuration> {
  const document = parseYaml(await readText(path), path);
  const unresolved = await resolvePublicKeys(document, surroundings);
  try {
    return parseConfiguration(document);
  } catch (error) {
    throw error instanceof AppError ? withFile(error, path, unresolved) : error;
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('invalid', 'invalid_configuration', `${path} cannot be read; is it there?`, { cause });
  }
}

function parseYaml(text: string, path: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0)
    throw badYaml(
      path,
      document.errors.map((error) => yamlFault(error, lines)),
    );
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw badYaml(path, [error instanceof Error ? error.message : 'cannot be read']);
  }
}

function yamlFault(error: YAMLError, lines: LineCounter): string {
  const { line, col } = lines.linePos(error.pos[0]);
  return `line ${String(line)}, column ${String(col)}: ${error.message}`;
}

function badYaml(path: string, details: readonly string[]): AppError {
  return new AppError('invalid', 'invalid_configuration', `${path} is not YAML`, { details });
}

/** @returns the reason for each path whose reference leads nowhere */
async function resolvePublicKeys(document: unknown, surroundings: Surroundings): Promise<Map<string, string>> {
  const unresolved = new Map<string, string>();
  for (const { path, holder } of keyPlaces(document)) {
    try {
      holder[field] = await resolveKey(String(holder[field]), surroundings);
    } catch (error) {
      unresolved.set(path, error instanceof Error ? error.message : 'cannot be read');
    }
  }
  return unresolved;
}

async function resolveKey(reference: string, { env, dataDir }: Surroundings): Promise<string> {
  try {
    return await resolveSecret(reference, env);
  } catch (error) {
    const path = reference.slice(filePrefix.length);
    if (dataDir === undefined || !reference.startsWith(filePrefix) || /^\.\.?\//.test(path)) throw error;
    return await resolveSecret(filePrefix + join(resolve(dataDir), path), env).catch(() => {
      throw new Error(`${error instanceof Error ? error.message : String(error)}, nor under ENMESH_DATA_DIR`);
    });
  }
}

function keyPlaces(document: unknown): KeyPlace[] {
  return [['healthAuthorities', 'keys'] as const, ['imports', 'publicKeys'] as const].flatMap(([list, keys]) =>
    mappings(document, list).flatMap(({ mapping, index }) =>
      mappings(mapping, keys)
        .filter((key) => String(key.mapping[field]).startsWith('secret://'))
        .map((key) => ({
          path: `${list}[${String(index)}].${keys}[${String(key.index)}].${field}`,
          holder: key.mapping,
        })),
    ),
  );
}

/** The mappings in a list of a mapping, whatever else stands there. */
function mappings(parent: unknown, list: string): { mapping: Record<string, unknown>; index: number }[] {
  const members = isMapping(parent) ? parent[list] : undefined;
  if (!Array.isArray(members)) return [];
  return members.flatMap((mapping: unknown, index) => (isMapping(mapping) ? [{ mapping, index }] : []));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The same faults with the file's name, and with the reason where a public key could not be read. */
function withFile(error: AppError, path: string, unresolved: ReadonlyMap<string, string>): AppError {
  const details = error.details.map((line) => {
    const place = line.slice(0, line.indexOf(': '));
    const reason = unresolved.get(place);
    return reason === undefined ? line : `${place}: ${reason}`;
  });
  return new AppError(error.kind, error.code, `${path}: ${error.message}`, { details, cause: error });
}
