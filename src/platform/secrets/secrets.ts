/** `secret://…` references: where a value comes from when it must not stand in the environment. */
import { readFile } from 'node:fs/promises';

const prefix = 'secret://';

/**
 * The value that a reference names; any other text is its own value.
 * `secret://file/PATH` is the file's content without its last newline, `secret://env/NAME` another variable.
 * @throws Error with the reference, never with the value
 */
export async function resolveSecret(text: string): Promise<string> {
  if (!text.startsWith(prefix)) return text;
  const [, kind = '', name = ''] = /^secret:\/\/([^/]*)\/(.*)$/.exec(text) ?? [];
  switch (kind) {
    case 'file':
      return await fromFile(name);
    case 'env':
      return fromEnvironment(name);
    default:
      throw new Error(`names a secret of an unknown kind "${kind}"; wants secret://file/PATH or secret://env/NAME`);
  }
}

/** PATH counts from the root, with or without its leading slash; where nothing lies there, from the working directory. */
async function fromFile(path: string): Promise<string> {
  for (const candidate of [path.startsWith('/') ? path : `/${path}`, path]) {
    try {
      return (await readFile(candidate, 'utf8')).replace(/\r?\n$/, '');
    } catch (error) {
      if (!isMissing(error)) throw new Error(`names a secret file that cannot be read: ${path}`, { cause: error });
    }
  }
  throw new Error(`names a secret file that does not exist: ${path}`);
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`names a secret in the environment that is not set: ${name}`);
  return value;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
