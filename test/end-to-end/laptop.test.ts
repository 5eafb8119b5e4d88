/** What a newcomer does: start, publish, download, verify. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TestCa } from '../platform/grpc/certificates.ts';
import { downloadAll, eventually, readIndex } from '../support/download.ts';
import { Playground } from '../support/enmesh.ts';

describe('enmesh dev', () => {
  it(
    'goes from nothing to a signed file that verifies, keeps others out, and stops cleanly',
    { timeout: 240_000 },
    async () => {
      await using playground = await Playground.open();
      const { gatewayUrl, dataDir } = playground;
      const dev = playground.start(['dev']);
      const printed = await dev.prints(/^ready$/m);
      expect(printed).toContain(gatewayUrl);
      expect(printed).toContain('npx enmesh publish --keys 14');
      // Who we are to partners, without any setting.
      const discovery = await fetch(`${gatewayUrl}/.well-known/openid-configuration`);
      expect(await discovery.json()).toMatchObject({ issuer: gatewayUrl });

      const published = await playground.run('publish', '--keys', '14', '--json');
      expect(published).toMatchObject({ code: 0 });
      expect(published.stdout).toContain('"insertedExposures": 14');

      await eventually(async () => (await readIndex(gatewayUrl, 'aa')).length > 0, 240);
      const publicKey = join(dataDir, 'public-keys', 'main.pem');
      const verified = await playground.run(
        'export',
        'verify',
        `${gatewayUrl}/exports/aa/index.txt`,
        '--public-key',
        publicKey,
      );
      expect(verified).toMatchObject({ code: 0 });

      const files = await downloadAll(gatewayUrl, 'aa', await readFile(publicKey, 'utf8'));
      expect(files.flatMap(({ keys }) => keys).length).toBeGreaterThanOrEqual(1000);
      expect((await playground.run('export', 'list')).stdout).toContain('complete');

      // A second start on the same data directory is refused, and names the first.
      const second = await playground.run('dev');
      expect(second.code).not.toBe(0);
      expect(second.stderr).toContain(String(dev.pid));
      expect(await dev.end()).toMatchObject({ code: 0 });
    },
  );

  it('ends with 1 and says why when its PostgreSQL ends by itself', { timeout: 240_000 }, async () => {
    await using playground = await Playground.open();
    const dev = playground.start(['dev']);
    await dev.prints(/^ready$/m);
    const postmasterFile = join(playground.dataDir, 'postgres', 'data', 'postmaster.pid');
    process.kill(Number((await readFile(postmasterFile, 'utf8')).split('\n')[0]), 'SIGKILL');
    expect(await dev.finished()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^enmesh: the embedded PostgreSQL ended by itself/m) as string,
    });
    const again = playground.start(['dev']);
    await again.prints(/^ready$/m);
    expect(await again.end()).toMatchObject({ code: 0 });
  });

  it('names the gateway as it can be called: https with TLS, this machine for every interface', async () => {
    const ca = new TestCa('laptop');
    const { cert, key } = ca.issue({ ips: ['127.0.0.1'] });
    await using playground = await Playground.open({ ENMESH_GATEWAY_TLS_CERT: cert, ENMESH_GATEWAY_TLS_KEY: key });
    const { port } = new URL(playground.gatewayUrl);
    const dev = playground.start(['dev'], { ENMESH_GATEWAY_ADDRESS: `0.0.0.0:${port}` });
    const printed = await dev.prints(/^ready$/m);
    expect(printed).toContain(`curl https://127.0.0.1:${port}/exports/aa/index.txt`);
    expect(await readFile(join(playground.dataDir, 'phone.json'), 'utf8')).toContain(`"https://127.0.0.1:${port}"`);
  }, 240_000);

  it('tells every fault of the environment at once and ends with 2', async () => {
    await using playground = await Playground.open({ ENMESH_NO_SUCH: '1', ENMESH_TRUNCATE_WINDOW: 'soon' });
    const ended = await playground.run('dev');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('ENMESH_NO_SUCH');
    expect(ended.stderr).toContain('ENMESH_TRUNCATE_WINDOW');
  });

  it('refuses to serve without a database and says why', async () => {
    await using playground = await Playground.open();
    const ended = await playground.run('serve', 'server');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain('ENMESH_DATABASE_URL');
  });

  it('refuses to listen off loopback without TLS', { timeout: 240_000 }, async () => {
    await using playground = await Playground.open({ ENMESH_GRPC_ADDRESS: '0.0.0.0:0' });
    const ended = await playground.run('dev');
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/loopback.*TLS/);
  });
});
