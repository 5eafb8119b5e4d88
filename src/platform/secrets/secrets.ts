/** `secret://…` references: where a value comes from when it must not stand in the environment. */
import { readFile } from 'node:fs/promises';

const prefix = 'secret://';

/** Finds out what a reference stands for; rejects with the reference, never with the value. */
export type SecretReader = (reference: string) => Promise<string>;

/** Reads secrets of this machine: its files and this process's environment. */
export const readSecret: SecretReader = async (reference) => await resolveSecret(reference, process.env);

/**
 * The value that a reference names; any other text is its own value.
 * `secret://file/PATH` is the file's content without its last newline, `secret://env/NAME` another variable.
 * @param env such as process.env
 * @throws Error with the reference, never with the value
 */
export async function resolveSecret(text: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (!text.startsWith(prefix)) return text;
  const [, kind = '', name = ''] = /^secret:\/\/([^/]*)\/(.*)$/.exec(text) ?? [];
  switch (kind) {
    case 'file':
      return await fromFile(name);
    case 'env':
      return fromEnvironment(name, env);
    default:
      throw new Error(`names a secret of an unknown kind "${kind}"; wants secret://file/PATH or secret://env/NAME`);
  }
}

/** PATH counts from the root, with or without its leading slash; from the working directory if it begins with a dot. */
async function fromFile(path: string): Promise<string> {
  const place = /^(\/|\.\.?\/)/.test(path) ? path : `/${path}`;
  try {
    return (await readFile(place, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    const what = isMissing(cause) ? 'does not exist' : 'cannot be read';
    throw new Error(`names a secret file that ${what}: ${place}`, { cause });
  }
}

function fromEnvironment(name: string, env: NodeJS.ProcessEnv): string {
  const value = env[name];
  if (value === undefined) throw new Error(`names a secret in the environment that is not set: ${name}`);
  return value;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
