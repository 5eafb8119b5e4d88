/** Roots of trust named by the environment: PEM files → their text, with faults that name the variable. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Role } from './check-values.ts';
import { ConfigurationError, type Values } from './load.ts';
import type { VariableName } from './variables.ts';

/** A file of roots, and the roles that use it. */
const users = {
  ENMESH_JWKS_CA: ['server'],
  ENMESH_DOWNLOAD_CA: ['export', 'federation'],
  ENMESH_FEDERATION_CA: ['federation'],
} as const satisfies Partial<Record<VariableName, readonly Role[]>>;

/** A variable that names a file of roots. */
export type RootsVariable = keyof typeof users;

/**
 * The faults of the roots files that these roles use; none when they use none, or nothing is said about them.
 * @param except variables that nothing is said about
 */
export async function rootsFaults(
  values: Partial<Values>,
  roles: ReadonlySet<Role>,
  except: ReadonlySet<VariableName> = new Set(),
): Promise<string[]> {
  const names = (Object.keys(users) as RootsVariable[]).filter(
    (name) => !except.has(name) && users[name].some((role) => roles.has(role)),
  );
  return (await Promise.all(names.map(async (name) => await fault(name, values[name])))).flat();
}

/**
 * Whom others are trusted by, as PEM text; undefined = the system's roots.
 * @throws ConfigurationError for a file that cannot be used
 */
export async function readRoots(name: RootsVariable, values: Values): Promise<string | undefined> {
  return await readRootsFile(name, values[name]);
}

/** As {@link readRoots}, for a file that counts only where something else is set. */
export async function readRootsFile(name: VariableName, path: string | undefined): Promise<string | undefined> {
  const faults = await fault(name, path);
  if (faults.length > 0) throw new ConfigurationError(faults);
  return await read(path);
}

async function fault(name: VariableName, path: string | undefined): Promise<string[]> {
  try {
    await read(path);
    return [];
  } catch (error) {
    return [`${name} names no file with PEM certificates: ${error instanceof Error ? error.message : ''}`];
  }
}

async function read(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = path.includes('-----BEGIN') ? path : await readFile(path, 'utf8');
  // It reads the first certificate; a file of none would mean that nobody is trusted.
  new X509Certificate(text);
  return text;
}
