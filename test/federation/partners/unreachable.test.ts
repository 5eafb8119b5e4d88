/** Partners that cannot be reached: each command and the log name the cause and the cure, once. */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../../src/platform/clock.ts';
import { runCommand } from '../../cli/run-command.ts';
import { TestCa, type Certificate } from '../../platform/grpc/certificates.ts';
import { temporaryFolder } from '../../support/export-file.ts';
import { openNeighbour, type Neighbour } from './neighbour.ts';

const trusted = new TestCa('Trusted');
const stranger = new TestCa('Stranger');

/** `aa`, which trusts one CA and pulls from `bb`, whose server has this certificate. */
async function openPair(certificate: Certificate): Promise<AsyncDisposable & { readonly aa: Neighbour }> {
  await using closing = new AsyncDisposableStack();
  const folder = closing.use(await temporaryFolder());
  const roots = join(folder.path, 'roots.pem');
  await writeFile(roots, trusted.cert);
  const server = createSecureServer(certificate).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.defer(() => void server.close());
  const clock = new ManualClock(new Date('2026-03-20T10:20:00Z'));
  const aa = closing.use(await openNeighbour('aa', clock, { ENMESH_FEDERATION_CA: roots }));
  const { port } = server.address() as AddressInfo;
  const address = `localhost:${String(port)}`;
  await aa.start([{ ...aa.asPartner({ pull: { regions: [] } }), name: 'bb', address }]);
  const kept = closing.move();
  return { aa, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

const causes = [
  [
    'partner_tls_untrusted',
    'is of no CA that we trust: set ENMESH_FEDERATION_CA',
    stranger,
    { dns: ['localhost'] },
    {},
  ],
  ['partner_tls_name', 'names other hosts: `address` must have a name', trusted, { dns: ['bb.example'] }, {}],
  [
    'partner_tls_expired',
    'the partner must renew it',
    trusted,
    { dns: ['localhost'] },
    { notAfter: new Date('2021-01-01T00:00:00Z') },
  ],
] as const;

/** How often a text has another in it. */
function times(text: string, part: string): number {
  return text.split(part).length - 1;
}

describe.each(causes)('%s', (code, cure, ca, names, validity) => {
  it('is named with its cure by pull, status, check, doctor and the log', async () => {
    await using pair = await openPair(ca.issue(names, validity));
    const { aa } = pair;
    const { exitCode, stdout } = await aa.run('pull');
    expect(exitCode).toBe(1);
    const { stdout: status } = await aa.run('status');
    const { exitCode: checked, stderr: check } = await aa.run('check', 'bb');
    expect(checked).toBe(1);
    const { stdout: doctor } = await runCommand(['doctor'], { env: aa.env });
    const diagnosis = doctor.split('\n').find((line) => line.includes('partner bb')) ?? '';
    for (const told of [stdout, status, check, diagnosis]) {
      expect(times(told, cure), told).toBe(1);
      expect(times(told, 'TLS certificate'), told).toBe(1);
    }
    for (const told of [stdout, status, check]) expect(told).toContain(`(${code}`);
    const logged = aa.lines.find(({ msg }) => msg === 'an exchange failed');
    expect(logged).toMatchObject({ partner: 'bb', code, cause: expect.stringContaining(cure) as string });
    expect(JSON.stringify(aa.lines)).not.toContain('localhost');
  });
});
