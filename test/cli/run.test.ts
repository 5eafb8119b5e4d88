/** Command lines: help, wrong words, exit codes. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands/index.ts';
import { describeError, exitCodeOf } from '../../src/cli/failure.ts';
import { AppError } from '../../src/domain/errors.ts';
import { ConfigurationError } from '../../src/platform/config/load.ts';
import { runCommand } from './run-command.ts';

describe('help', () => {
  it('lists every command with what it does', async () => {
    const { exitCode, stdout } = await runCommand(['--help']);
    expect(exitCode).toBe(0);
    for (const { name, summary } of commands) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
      expect(stdout.replace(/\s+/g, ' ')).toContain(summary);
    }
  });

  it.each(commands.map(({ name }) => name))('is there for %s', async (name) => {
    const { exitCode, stdout } = await runCommand([name, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: enmesh ${name}`);
  });

  it.each([
    ['export', 'run'],
    ['export', 'list'],
    ['export', 'reprocess'],
    ['export', 'verify'],
    ['export', 'show'],
    ['keys', 'list'],
    ['keys', 'create'],
    ['keys', 'rotate'],
    ['keys', 'public'],
  ])('is there for %s %s, with its options', async (group, name) => {
    const { exitCode, stdout } = await runCommand([group, name, '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: enmesh ${group} ${name}`);
    expect(stdout).toContain('--json');
  });

  it('can be asked for as a command', async () => {
    expect((await runCommand(['help', 'publish'])).stdout).toContain('--onset-days-ago');
    expect((await runCommand(['keys', 'help', 'rotate'])).stdout).toContain('--overlap');
  });

  it('tells the version of package.json', async () => {
    expect(await runCommand(['--version'])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\d+\.\d+/) });
  });
});

describe('wrong usage ends with 2', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['publsh']],
    ['an unknown command of a group', ['export', 'rnu']],
    ['a group without a command', ['keys']],
    ['an unknown option', ['jobs', '--jsonn']],
    ['a missing argument', ['export', 'reprocess']],
    ['an argument too many', ['jobs', 'now']],
    ['a batch that is no number', ['export', 'reprocess', '0']],
    ['a target without a port', ['cleanup', '--server', 'localhost']],
    ['an overlap that is no duration', ['keys', 'rotate', 'main', '--overlap', '2 weeks']],
    ['an unknown role', ['serve', 'sever']],
    ['a reason that no key is refused for', ['federation', 'quarantine', 'bb', '--reason', 'bogus']],
    ['no keys', ['publish', '--keys', '0']],
    ['31 keys', ['publish', '--keys', '31']],
    ['an unknown report type', ['publish', '--report-type', 'positive']],
    ['new keys and saved keys', ['publish', '--keys', '3', '--keys-file', 'saved.json']],
  ])('%s', async (_, argv) => {
    const { exitCode, stdout, stderr } = await runCommand(argv);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  it('says what was wrong and offers the nearest command', async () => {
    const { stderr } = await runCommand(['publsh']);
    expect(stderr).toContain("enmesh: unknown command 'publsh'");
    expect(stderr).toContain('Did you mean publish?');
  });
});

describe('main.ts', () => {
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

  it('can be run, and ends with the exit code of the command', async () => {
    const { PATH = '' } = process.env;
    const enmesh = (...words: string[]) => promisify(execFile)(process.execPath, [main, ...words], { env: { PATH } });
    expect((await enmesh('--version')).stdout).toMatch(/^\d+\.\d+/);
    await expect(enmesh('publsh')).rejects.toMatchObject({ code: 2, stdout: '' });
    await expect(enmesh('jobs', '--server', '127.0.0.1:1')).rejects.toMatchObject({ code: 1, stdout: '' });
    expect((await stat(main)).mode & 0o111).toBe(0o111);
  });
});

describe('an environment that cannot be used', () => {
  it('ends with 2 and names every fault', async () => {
    const env = { ENMESH_MAX_KEYS_ON_PUBLISH: 'many', ENMESH_DATABASE: 'x' };
    const { exitCode, stderr } = await runCommand(['migrate'], { env });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('enmesh: the environment cannot be used');
    expect(stderr).toContain('ENMESH_MAX_KEYS_ON_PUBLISH wants');
    expect(stderr).toContain('ENMESH_DATABASE is not a variable');
  });

  it('ends with 2 when there is no database to migrate', async () => {
    const { exitCode, stderr } = await runCommand(['migrate']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('ENMESH_DATABASE_URL is not set'),
    });
  });
});

describe('errors', () => {
  it('end with 2 where the configuration or the usage is at fault, else with 1', () => {
    expect(exitCodeOf(new ConfigurationError(['x']))).toBe(2);
    expect(exitCodeOf(new AppError('invalid', 'invalid_configuration', 'x'))).toBe(2);
    expect(exitCodeOf(new AppError('invalid', 'invalid_key_name', 'x'))).toBe(2);
    for (const code of ['insecure_address', 'insecure_token', 'bad_tls', 'signing_key_missing']) {
      expect(exitCodeOf(new AppError('precondition', code, 'x'))).toBe(2);
    }
    expect(exitCodeOf(new AppError('precondition', 'cannot_listen', 'x'))).toBe(1);
    expect(exitCodeOf(new AppError('precondition', 'schema_outdated', 'x'))).toBe(1);
    expect(exitCodeOf(new AppError('invalid', 'bad_request', 'x'))).toBe(1);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
    expect(exitCodeOf('x')).toBe(1);
  });

  it('are told with their details, and with the stack and private reasons only when debugging', () => {
    const cause = new Error('private reason');
    const error = new AppError('invalid', 'x', 'it is wrong', { details: ['line one', 'line two'], cause });
    expect(describeError(error, false)).toBe('enmesh: it is wrong\n  line one\n  line two\n');
    expect(describeError(error, true)).toMatch(/AppError: it is wrong\n +at [^]*Error: private reason\n +at /);
  });
});
