/** Environment → values: every fault is found before anything is started, and all are told together. */
import { resolveSecret } from '../secrets/secrets.ts';
import { variables, type Variable, type VariableName } from './variables.ts';

type Value<Entry> = Entry extends Variable<infer T> ? T : never;

/** Every variable's value, by its name. */
export type Values = { readonly [Name in VariableName]: Value<(typeof variables)[Name]> };

/** The environment cannot be used; the message has one line a fault. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the environment cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.faults = faults;
  }
}

/** Names that Kubernetes makes for a Service called `enmesh…`. */
const kubernetesName = /_SERVICE_HOST$|_SERVICE_PORT(_.*)?$|_PORT$|_PORT_\d+_.*$/;

/** What could be read, and what is wrong with the rest. */
export interface Reading {
  readonly values: Partial<Values>;
  readonly faults: readonly string[];
  /** Variables with a text that is not one of theirs. */
  readonly unreadable: ReadonlySet<VariableName>;
}

/**
 * Reads all variables.
 * @param env such as process.env
 * @param isDev where nothing is set, development defaults come before the ordinary ones
 * @throws ConfigurationError naming every unknown name and every bad value
 */
export async function readValues(env: NodeJS.ProcessEnv, isDev: boolean): Promise<Values> {
  const { values, faults } = await readEnvironment(env, isDev);
  if (faults.length > 0) throw new ConfigurationError(faults);
  return values as Values;
}

/** As {@link readValues}, for those who look for further faults first. */
export async function readEnvironment(env: NodeJS.ProcessEnv, isDev: boolean): Promise<Reading> {
  const faults = unknownNames(env);
  const unreadable = new Set<VariableName>();
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(variables) as [VariableName, Variable<unknown>][]) {
    const [source, given] = givenText(name, variable, env);
    const text = given ?? (isDev ? variable.dev : undefined) ?? variable.fallback;
    if (text === undefined) continue;
    try {
      values[name] = variable.reader(await resolveSecret(text, env));
    } catch (error) {
      faults.push(`${source} ${error instanceof Error ? error.message : 'cannot be read'}`);
      unreadable.add(name);
    }
  }
  return { values, faults, unreadable };
}

/** The first name under which the environment has a text, and that text. Other programs' names count when not empty. */
function givenText(
  name: VariableName,
  { also = [] }: Variable<unknown>,
  env: NodeJS.ProcessEnv,
): readonly [name: string, text: string | undefined] {
  const source = env[name] === undefined ? (also.find((other) => (env[other] ?? '') !== '') ?? name) : name;
  return [source, env[source]];
}

function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const known = new Set<string>(Object.keys(variables));
  return Object.keys(env)
    .filter((name) => name.startsWith('ENMESH_') && !known.has(name) && !kubernetesName.test(name))
    .sort()
    .map((name) => `${name} is not a variable of Enmesh${suggestion(name, known)}`);
}

function suggestion(name: string, known: ReadonlySet<string>): string {
  const words = new Set(name.split('_'));
  const nearest = [...known]
    .map((candidate) => ({ candidate, shared: candidate.split('_').filter((word) => words.has(word)).length }))
    .sort((a, b) => b.shared - a.shared || a.candidate.length - b.candidate.length)[0];
  return nearest && nearest.shared > 1 ? `; did you mean ${nearest.candidate}?` : '';
}
