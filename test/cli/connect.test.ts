/** Commands that ask a running installation: whom they call, and what they say when nobody answers. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { rootCertificates } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { targetOf } from '../../src/cli/connect.ts';
import { AppError } from '../../src/domain/errors.ts';
import { MirrorServiceDefinition } from '../../src/gen/enmesh/export/v1/mirror.ts';
import { readValues } from '../../src/platform/config/load.ts';
import { grpcService, startGrpcServer } from '../../src/platform/grpc/server.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { Metrics } from '../../src/platform/metrics.ts';
import { runCommand } from './run-command.ts';

describe('where a role is found', () => {
  const find = async (env: Record<string, string>) => targetOf('export', await readValues(env, false));

  it('is its target, or else its address', async () => {
    expect(await find({})).toBe('127.0.0.1:9091');
    expect(await find({ ENMESH_EXPORT_ADDRESS: '10.1.2.3:7000' })).toBe('10.1.2.3:7000');
    expect(await find({ ENMESH_EXPORT_ADDRESS: '10.1.2.3:7000', ENMESH_EXPORT_TARGET: 'dns:///export:9091' })).toBe(
      'dns:///export:9091',
    );
  });

  it('is this machine when the role listens everywhere', async () => {
    expect(await find({ ENMESH_EXPORT_ADDRESS: '0.0.0.0:9091' })).toBe('127.0.0.1:9091');
    expect(await find({ ENMESH_EXPORT_ADDRESS: '[::]:9091' })).toBe('[::1]:9091');
  });
});

describe('a role that nothing listens for', () => {
  it.each([
    ['server', 'ENMESH_SERVER_TARGET', ['jobs']],
    ['server', 'ENMESH_SERVER_TARGET', ['cleanup']],
    ['export', 'ENMESH_EXPORT_TARGET', ['export', 'list']],
    ['export', 'ENMESH_EXPORT_TARGET', ['export', 'run']],
    ['export', 'ENMESH_EXPORT_TARGET', ['keys', 'public', 'main']],
  ])('is the %s role: the error names it, %s and the cure', async (role, variable, argv) => {
    const { exitCode, stdout, stderr } = await runCommand([...argv, '--server', '127.0.0.1:1']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(`enmesh: nothing listens at 127.0.0.1:1, where the ${role} role is expected; start`);
    expect(stderr).toContain(`\`enmesh serve ${role}\`, or set ${variable}`);
  });
});

describe('a role that listens and does not take the call', () => {
  it.concurrent.each([
    ['plain text', {}, 'if the role has TLS, set ENMESH_CLIENT_TLS_CA'],
    ['TLS', { ENMESH_CLIENT_TLS_CA: rootCertificates[0] ?? '' }, 'the role must have TLS'],
  ])(
    'is told from one that is away when we speak %s: the error names what both sides must agree on',
    async (...row) => {
      const [, env, cure] = row;
      await using listener = await listenAndHangUp();
      const { exitCode, stderr } = await runCommand(['jobs', '--server', listener.target], { env });
      expect(exitCode).toBe(1);
      expect(stderr).toContain(`enmesh: ${listener.target} takes connections, but not our call: ${cure}`);
    },
  );

  it('is told from one that answers that somebody else is away', async () => {
    const away = () => Promise.reject(new AppError('unavailable', 'unavailable', 'the partner is away'));
    const server = await startGrpcServer({
      settings: { address: { host: '127.0.0.1', port: 0 }, callers: new Map(), callerTokens: new Map() },
      services: [
        grpcService(MirrorServiceDefinition, {
          listMirrors: away,
          async *runMirrors() {
            yield await away();
          },
        }),
      ],
      isReady: () => Promise.resolve(true),
      logger: createLogger({ level: 'silent', pretty: false }),
      metrics: new Metrics(),
    });
    const { stderr } = await runCommand(['mirror', '--list', '--server', `127.0.0.1:${String(server.address.port)}`]);
    await server.stop();
    expect(stderr).toBe('enmesh: the partner is away\n');
  });
});

/** What a port with TLS looks like to plain text, and the other way: connections end at once. */
async function listenAndHangUp(): Promise<AsyncDisposable & { readonly target: string }> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    target: `127.0.0.1:${String(port)}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

describe('a client that cannot be made safe', () => {
  it('is refused with 2 when its token would travel in plain text', async () => {
    const env = { ENMESH_CLIENT_TOKEN: 'secret' };
    const { exitCode, stderr } = await runCommand(['jobs', '--server', '192.0.2.1:9090'], { env });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('ENMESH_CLIENT_TLS_CA');
    expect(stderr).not.toContain('secret');
  });

  it('is refused with 2 when a TLS file cannot be read', async () => {
    const { exitCode, stderr } = await runCommand(['jobs'], { env: { ENMESH_CLIENT_TLS_CA: '/nowhere/ca.pem' } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('ENMESH_CLIENT_TLS_CA names'),
    });
  });
});
