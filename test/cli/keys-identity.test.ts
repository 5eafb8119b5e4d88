/** `enmesh keys rotate identity` and `enmesh keys public identity` against a real federation role's service. */
import { createPublicKey } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { createIdentityService } from '../../src/federation/identity/service.ts';
import { IdentityServiceDefinition } from '../../src/gen/enmesh/federation/v1/identity.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { silent, startAuthority } from '../federation/auth/authority.ts';
import { runCommand } from './run-command.ts';

async function startRole() {
  const authority = await startAuthority();
  const server = await startGrpcServer({
    settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
    services: [grpcService(IdentityServiceDefinition, createIdentityService(authority.identity))],
    isReady: () => Promise.resolve(true),
    logger: silent,
    metrics: new Metrics(),
  });
  onTestFinished(async () => {
    await server.stop();
    await authority[Symbol.asyncDispose]();
  });
  return ['--server', `127.0.0.1:${String(server.address.port)}`];
}

it("our issuer's key is shown, rotated with both versions published, and shown by version", async () => {
  const server = await startRole();
  const first = await runCommand(['keys', 'public', 'identity', ...server]);
  expect(createPublicKey(first.stdout).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  const rotated = await runCommand(['keys', 'rotate', 'identity', '--overlap', '1d', ...server]);
  expect(rotated.exitCode).toBe(0);
  expect(rotated.stdout).toMatch(/^VERSION +SIGNS FROM +PUBLISHED UNTIL\nv2 .* no end\nv1 /);
  const old = await runCommand(['keys', 'public', 'identity', '--key-version', 'v1', ...server]);
  expect(old.stdout).toBe(first.stdout);
  const { stdout } = await runCommand(['keys', 'public', 'identity', '--json', ...server]);
  expect(JSON.parse(stdout)).toMatchObject({
    issuer: 'https://id.aa.example',
    keys: [{ version: 'v2' }, { version: 'v1' }],
  });
});

it('an overlap in which tokens still live is refused, with what to take instead', async () => {
  const { exitCode, stderr } = await runCommand([
    'keys',
    'rotate',
    'identity',
    '--overlap',
    '59m',
    ...(await startRole()),
  ]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('take 1h or more');
});

it('a version that is not there is named', async () => {
  const { exitCode, stderr } = await runCommand([
    ...['keys', 'public', 'identity', '--key-version', 'v9'],
    ...(await startRole()),
  ]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain('versions are: v1');
});
