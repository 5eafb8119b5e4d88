/** Commands that ask a running installation: whom they call, and what they say when nobody answers. */
import { describe, expect, it } from 'vitest';
import { targetOf } from '../../src/cli/connect.ts';
import { readValues } from '../../src/platform/config/load.ts';
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
