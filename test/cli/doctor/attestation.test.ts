/** What `enmesh doctor` says of device attestation. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import type { Database } from '../../../src/storage/database.ts';
import { makePlay } from '../../server/attestation/google.ts';
import { insertAuthority } from '../../support/authority.ts';
import { createTestDatabase } from '../../support/postgres.ts';
import { runCommand } from '../run-command.ts';

const play = makePlay();

async function findings(url: string, secrets: Record<string, string>): Promise<Finding[]> {
  const env = { ENMESH_DATABASE_URL: url, ENMESH_DATA_DIR: '/nowhere', ...secrets };
  const { stdout } = await runCommand(['doctor', '--json'], { env });
  const report = JSON.parse(stdout) as { findings: Finding[] };
  return report.findings.filter(({ check }) => check === 'attestation');
}

async function attest(database: Database, mode: string): Promise<void> {
  const root = await readFile('examples/apple-app-attestation-root.pem', 'utf8');
  const ios = { appId: 'TEAM.org.example.health', environment: 'production', rootCertificates: [root] };
  await database.query('update apps set attestation = $1, android = $2, ios = $3', [
    mode,
    JSON.stringify(play.settings),
    JSON.stringify(ios),
  ]);
}

describe('doctor on attestation', () => {
  it('says nothing where no app looks at it', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    expect(await findings(test.url, {})).toEqual([]);
  });

  it('finds keys and roots that can be used', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    await attest(test.database, 'observe');
    expect(await findings(test.url, play.secrets)).toMatchObject([
      { status: 'ok', message: 'keys and roots of 1 app can be used' },
    ]);
  });

  it('names app and field of every key that cannot be used, never the key', async () => {
    await using test = await createTestDatabase();
    await insertAuthority(test.database);
    await attest(test.database, 'require');
    const [finding] = await findings(test.url, { PLAY_VERIFICATION_KEY: play.secrets.PLAY_DECRYPTION_KEY });
    expect(finding).toMatchObject({
      status: 'failed',
      message:
        'org.example.health: android.decryptionKey names a secret in the environment that is not set: PLAY_DECRYPTION_KEY; ' +
        'org.example.health: android.verificationKey is not such a key in base64',
    });
    expect(JSON.stringify(finding)).not.toContain(play.secrets.PLAY_DECRYPTION_KEY);
  });
});
