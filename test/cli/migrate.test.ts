/** `enmesh migrate` on an empty database. */
import { describe, expect, it } from 'vitest';
import { migrations } from '../../migrations/index.ts';
import { createEmptyDatabase } from '../support/postgres.ts';
import { runCommand } from './run-command.ts';

describe('migrate', () => {
  it('names what it applied, and nothing the second time', async () => {
    await using empty = await createEmptyDatabase();
    const env = { ENMESH_DATABASE_URL: empty.url };
    const names = migrations.map(({ name }) => name);
    const first = await runCommand(['migrate', '--json'], { env });
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toEqual({ applied: names });
    expect((await runCommand(['migrate'], { env })).stdout).toBe('the schema is up to date\n');
  });

  it('goes to the direct URL where there is one', async () => {
    await using empty = await createEmptyDatabase();
    const env = {
      ENMESH_DATABASE_URL: 'postgresql://pooler@127.0.0.1:1/enmesh',
      ENMESH_DATABASE_DIRECT_URL: empty.url,
    };
    expect((await runCommand(['migrate'], { env })).stdout).toMatch(/^applied 0001_schema\n/);
  });
});
