/** The environment as a whole. */
import { expect, test } from 'vitest';
import { ConfigurationError, readValues } from '../../../src/platform/config/load.ts';
import { variables, type Variable } from '../../../src/platform/config/variables.ts';

async function faultsOf(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  try {
    await readValues(env, false);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}

test('an empty environment gives every default', async () => {
  const values = await readValues({}, false);
  expect(values.ENMESH_GATEWAY_ADDRESS).toEqual({ host: '127.0.0.1', port: 8080 });
  expect(values.ENMESH_TRUNCATE_WINDOW).toBe(3600);
  expect(values.ENMESH_DATA_DIR).toBeUndefined();
  expect(values.ENMESH_CREATE_KEYS).toBe(false);
});

test('in development, development defaults come first, and what is set wins', async () => {
  const values = await readValues({ ENMESH_TRUNCATE_WINDOW: '7s' }, true);
  expect(values.ENMESH_DATA_DIR).toBe('.enmesh');
  expect(values.ENMESH_CREATE_KEYS).toBe(true);
  expect(values.ENMESH_TRUNCATE_WINDOW).toBe(7);
  expect(values.ENMESH_RETENTION).toBe(14 * 86_400);
});

test('every default and every development default can be read', () => {
  for (const [name, variable] of Object.entries(variables) as [string, Variable<unknown>][]) {
    for (const text of [variable.fallback, variable.dev]) {
      if (text !== undefined) expect(() => variable.reader(text), name).not.toThrow();
    }
  }
});

test('all faults are told together, each with its variable', async () => {
  const faults = await faultsOf({
    ENMESH_RETENTION: 'soon',
    ENMESH_GRPC_ADDRESS: 'here',
    ENMESH_CREATE_KEYS: 'yes',
    ENMESH_NONSENSE: 'x',
    ENMESH_CLIENT_TOKEN: 'secret://nowhere/x',
  });
  expect([...faults].sort()).toEqual([
    'ENMESH_CLIENT_TOKEN names a secret of an unknown kind "nowhere"; wants secret://file/PATH or secret://env/NAME',
    'ENMESH_CREATE_KEYS wants true or false',
    'ENMESH_GRPC_ADDRESS wants HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080',
    'ENMESH_NONSENSE is not a variable of Enmesh',
    'ENMESH_RETENTION wants a duration such as 90s, 15m, 1h or 14d',
  ]);
});

test('the message has one line a fault', () => {
  expect(new ConfigurationError(['a', 'b']).message).toBe('the environment cannot be used:\n  a\n  b');
});

test('an unknown name is refused with the nearest one that there is', async () => {
  expect(await faultsOf({ ENMESH_EXPORT_MINIMUM_RECORDS: '1' })).toEqual([
    'ENMESH_EXPORT_MINIMUM_RECORDS is not a variable of Enmesh; did you mean ENMESH_EXPORT_MIN_RECORDS?',
  ]);
});

test.for([
  'ENMESH_SERVER_SERVICE_HOST',
  'ENMESH_SERVICE_PORT',
  'ENMESH_SERVICE_PORT_GRPC',
  'ENMESH_GATEWAY_PORT',
  'ENMESH_PORT_9090_TCP',
  'ENMESH_PORT_9090_TCP_ADDR',
])('the name %s, which Kubernetes makes, is ignored', async (name) => {
  expect(await faultsOf({ [name]: 'tcp://10.0.0.1:9090' })).toEqual([]);
});

test.for(['ENMESH_PORTS', 'ENMESH_SERVICE_HOSTS', 'ENMESH_PORT_TCP', 'ENMESH_'])(
  'the name %s is refused',
  async (name) => {
    expect(await faultsOf({ [name]: 'x' })).toHaveLength(1);
  },
);

test('names of others are nobody’s business', async () => {
  expect(await faultsOf({ PATH: '/bin', XENMESH_A: 'x', enmesh_a: 'x' })).toEqual([]);
});

test('an empty value is a fault where a text is wanted, not a default', async () => {
  expect(await faultsOf({ ENMESH_CONFIG: '' })).toEqual(['ENMESH_CONFIG wants a value; unset it to get the default']);
});

test('a fault never repeats the value, which may be a secret', async () => {
  const env = Object.fromEntries(Object.keys(variables).map((name) => [name, 'hunter2 hunter2']));
  expect((await faultsOf(env)).join('\n')).not.toContain('hunter2');
});

test('a name of the ecosystem counts where ours is not set, and is not empty; faults name it', async () => {
  const region = async (env: NodeJS.ProcessEnv) => (await readValues(env, false)).ENMESH_S3_REGION;
  expect(await region({ AWS_DEFAULT_REGION: 'third', AWS_REGION: 'second', ENMESH_S3_REGION: 'first' })).toBe('first');
  expect(await region({ AWS_DEFAULT_REGION: 'third', AWS_REGION: 'second' })).toBe('second');
  expect(await region({ AWS_DEFAULT_REGION: 'third', AWS_REGION: '' })).toBe('third');
  expect(await region({ AWS_REGION: '' })).toBeUndefined();
  expect(await faultsOf({ AWS_ENDPOINT_URL: 'ftp://x' })).toEqual(['AWS_ENDPOINT_URL wants an https URL']);
  const secret = { ENMESH_AZURE_STORAGE_KEY: 'secret://env/KEY', KEY: 'a2V5' };
  expect((await readValues(secret, false)).ENMESH_AZURE_STORAGE_KEY).toBe('a2V5');
});
