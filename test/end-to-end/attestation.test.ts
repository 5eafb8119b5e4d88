/** Device attestation through the whole product: from the configuration file to the phone's answer. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../server/attestation/apple.ts';
import { makePlay, verdictFor } from '../server/attestation/google.ts';
import { Playground, serveSettings } from '../support/enmesh.ts';
import { post, startRoles, writeAuthority } from '../support/installed.ts';
import { hmacText, type PublishBody } from '../support/phone.ts';
import { createTestDatabase } from '../support/postgres.ts';

const play = makePlay();

async function attested(body: PublishBody, claimed: PublishBody): Promise<PublishBody> {
  const keys = hmacText(claimed.temporaryExposureKeys);
  const claim = sha256(`${claimed.healthAuthorityID}|${keys}||${claimed.verificationPayload}`);
  const deviceVerificationPayload = await play.token(verdictFor(claim, new Date()));
  return { ...body, platform: 'android', deviceVerificationPayload };
}

describe('an installation that requires attestation', () => {
  it('takes keys of honest devices alone', { timeout: 240_000 }, async () => {
    await using test = await createTestDatabase();
    await using playground = await Playground.open(serveSettings(test.url));
    await startRoles(playground, [], { PLAY_VERIFICATION_KEY: play.secrets.PLAY_VERIFICATION_KEY });
    const { phone, configurationFile } = await writeAuthority(playground);
    const keyFile = join(playground.dataDir, 'play-decryption-key');
    await writeFile(keyFile, `${play.secrets.PLAY_DECRYPTION_KEY}\n`);
    const { packageName, certificateDigests, verificationKey } = play.settings;
    const decryptionKey = `secret://file${keyFile}`;
    const android = { packageName, certificateDigests, verificationKey, decryptionKey };
    const configuration = (await readFile(configurationFile, 'utf8')).replace(
      'apps: [{',
      `apps: [{ attestation: require, android: ${JSON.stringify(android)},`,
    );
    await writeFile(configurationFile, configuration);
    expect(await playground.run('apply', '-f', configurationFile)).toMatchObject({ code: 0 });

    const [honest, other] = [phone.publishBody({ now: new Date() }), phone.publishBody({ now: new Date() })];
    const forged = await post(playground.gatewayUrl, await attested(other, honest));
    expect(forged).toMatchObject({
      status: 401,
      body: { code: 'attestation_invalid', error: 'device attestation: it was made for another request' },
    });
    expect(await post(playground.gatewayUrl, other)).toMatchObject({
      status: 401,
      body: { code: 'attestation_invalid' },
    });
    expect(await post(playground.gatewayUrl, await attested(honest, honest))).toMatchObject({
      status: 200,
      body: { insertedExposures: 3 },
    });
    const metrics = await (await fetch(`${playground.statusUrl}/metrics`)).text();
    expect(metrics).toContain('enmesh_attestations_total{platform="android",outcome="other_request"} 1');
    expect(metrics).toContain('enmesh_publish_requests_total{outcome="attestation_invalid"} 2');
  });
});
