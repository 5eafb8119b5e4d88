/** Roots of trust named by the environment: a PEM file → its text, with faults that name the variable. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Role } from './check-values.ts';
import { ConfigurationError, type Values } from './load.ts';
import type { VariableName } from './variables.ts';

const name = 'ENMESH_JWKS_CA' satisfies VariableName;

/**
 * The fault of the roots file that these roles use; none when they use none, or nothing is said about it.
 * @param except variables that nothing is said about
 */
export async function rootsFaults(
  values: Partial<Values>,
  roles: ReadonlySet<Role>,
  except: ReadonlySet<VariableName> = new Set(),
): Promise<string[]> {
  if (!roles.has('server') || except.has(name)) return [];
  try {
    await read(values[name]);
    return [];
  } catch (error) {
    return [`${name} names no file with PEM certificates: ${error instanceof Error ? error.message : ''}`];
  }
}

/**
 * Whom the JWKS of health authorities are trusted by, as PEM text; undefined = the system's roots.
 * @throws ConfigurationError for a file that cannot be used
 */
export async function jwksRoots(values: Values): Promise<string | undefined> {
  const faults = await rootsFaults(values, new Set<Role>(['server']));
  if (faults.length > 0) throw new ConfigurationError(faults);
  return await read(values[name]);
}

async function read(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = path.includes('-----BEGIN') ? path : await readFile(path, 'utf8');
  // It reads the first certificate; a file of none would mean that nobody is trusted.
  new X509Certificate(text);
  return text;
}
