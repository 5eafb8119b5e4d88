/** How roles are called: with TLS where there is a CA, in plain text where the environment itself says that a role has none. */
import { expect, it } from 'vitest';
import { readValues } from '../../../src/platform/config/load.ts';
import { callSettings } from '../../../src/platform/config/tls-files.ts';
import { TestCa } from '../grpc/certificates.ts';

const ca = new TestCa('Federation');
const { cert, key } = ca.issue({ ips: ['127.0.0.1'] });
const client = { ENMESH_CLIENT_TLS_CA: ca.cert };
const federation = { ENMESH_FEDERATION_TLS_CERT: cert, ENMESH_FEDERATION_TLS_KEY: key };

async function hasTls(env: Record<string, string>, role?: 'server' | 'federation'): Promise<boolean> {
  return (await callSettings(await readValues(env, false), role)).tls !== undefined;
}

it('a mere caller calls every role with TLS, for nothing says which has it', async () => {
  expect(await hasTls(client, 'server')).toBe(true);
  expect(await hasTls({}, 'server')).toBe(false);
});

it('where one role has a certificate, it is called with TLS and the others on loopback without', async () => {
  expect(await hasTls({ ...client, ...federation }, 'federation')).toBe(true);
  expect(await hasTls({ ...client, ...federation }, 'server')).toBe(false);
});

it('a role somewhere else is called with TLS, whatever this environment listens with', async () => {
  expect(await hasTls({ ...client, ...federation })).toBe(true);
  expect(await hasTls({ ...client, ...federation, ENMESH_GRPC_ADDRESS: '10.1.2.3:9090' }, 'server')).toBe(true);
});
