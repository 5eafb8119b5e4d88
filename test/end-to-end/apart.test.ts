/** The four roles as four processes on one PostgreSQL, as an operator runs them; and what a kill leaves behind. */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { downloadAll, eventually } from '../support/download.ts';
import { Playground, type EnmeshProcess, serveSettings } from '../support/enmesh.ts';
import { installAuthority, post, startRoles, type Installed } from '../support/installed.ts';
import { createEmptyDatabase, createTestDatabase } from '../support/postgres.ts';
import { makeKeys } from '../support/phone.ts';

const roles = ['server', 'export', 'federation', 'gateway'] as const;

interface Apart {
  readonly playground: Playground;
  readonly processes: Map<string, EnmeshProcess>;
  readonly installed: Installed;
}

describe('roles as processes', () => {
  it('take a publish at one and give a signed file at another', { timeout: 240_000 }, async () => {
    await using database = await createEmptyDatabase();
    await using playground = await Playground.open(serveSettings(database.url));
    const { installed, processes } = await startApart(playground);
    const keys = makeKeys(new Date(), 14);
    const body = installed.phone.publishBody({ now: new Date(), keys });
    const answer = await post(playground.gatewayUrl, body);
    expect(answer).toMatchObject({ status: 200, body: { insertedExposures: 14 } });
    const wanted = keys.map(({ key }) => key);
    const files = await eventually(async () => await filesWith(playground, wanted), 240);
    expect(files.flatMap((file) => file.keys.map(({ key }) => key)).filter((key) => wanted.includes(key))).toHaveLength(
      14,
    );
    const logs = [...processes.values()].map(({ output }) => output).join('');
    const secrets = [
      ...wanted.flatMap((key) => [key, Buffer.from(key, 'base64').toString('hex')]),
      body.verificationPayload,
      body.hmacKey,
      String(answer.body['revisionToken']),
    ];
    expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);
  });

  it('lose nothing and publish nothing twice when they are killed at any moment', { timeout: 480_000 }, async () => {
    await using database = await createTestDatabase();
    await using playground = await Playground.open({ ...serveSettings(database.url), ENMESH_EXPORT_MIN_RECORDS: '0' });
    const { installed, processes } = await startApart(playground);
    const accepted: string[] = [];
    const seen = new Map<string, string>();
    for (const [round, victim] of (['server', 'export', 'server', 'export', 'export', 'server'] as const).entries()) {
      const publishing = publishFor(playground, { installed, accepted, milliseconds: 1_500 });
      await wait(400 + round * 170);
      await processes.get(victim)!.end('SIGKILL');
      await publishing;
      processes.set(victim, await restart(playground, victim));
      await remember(playground, seen);
    }
    expect(accepted.length).toBeGreaterThan(20);
    const files = await eventually(async () => await filesWith(playground, accepted), 240);
    const exported = files.flatMap((file) => file.keys.map(({ key }) => key));
    expect(new Set(exported).size).toBe(exported.length);
    await remember(playground, seen);
  });
});

async function startApart(playground: Playground): Promise<Apart> {
  const processes = new Map<string, EnmeshProcess>();
  for (const role of roles) processes.set(role, await restart(playground, role));
  return { playground, processes, installed: await installAuthority(playground) };
}

async function restart(playground: Playground, role: string): Promise<EnmeshProcess> {
  return await startRoles(playground, [role], { ENMESH_METRICS_ADDRESS: '127.0.0.1:0' });
}

/** The signer's key is made when the export role next looks for work. */
async function publicKeyOf(playground: Playground): Promise<string> {
  return await eventually(async () => {
    const response = await fetch(`${playground.gatewayUrl}/exports/aa/keys.json`);
    const { keys } = (await response.json()) as { keys?: { publicKeyPem: string }[] };
    return keys?.[0]?.publicKeyPem;
  });
}

async function filesWith(playground: Playground, wanted: readonly string[]) {
  const files = await downloadAll(playground.gatewayUrl, 'aa', await publicKeyOf(playground));
  const exported = new Set(files.flatMap((file) => file.keys.map(({ key }) => key)));
  return wanted.every((key) => exported.has(key)) && files;
}

/** Publishes one after another; keys of answered publishes are accepted, those of broken ones are sent again. */
async function publishFor(
  playground: Playground,
  { installed, accepted, milliseconds }: { installed: Installed; accepted: string[]; milliseconds: number },
): Promise<void> {
  const until = Date.now() + milliseconds;
  while (Date.now() < until) {
    const keys = makeKeys(new Date(), 3);
    const answer = await post(playground.gatewayUrl, installed.phone.publishBody({ now: new Date(), keys })).catch(
      () => undefined,
    );
    if (answer?.status === 200) accepted.push(...keys.map(({ key }) => key));
    else expect(answer?.status ?? 503).toBe(503);
  }
}

/** A published file never changes: what was seen once is the same for ever. */
async function remember(playground: Playground, seen: Map<string, string>): Promise<void> {
  const files = await eventually(
    async () => await downloadAll(playground.gatewayUrl, 'aa', await publicKeyOf(playground)).catch(() => undefined),
  );
  for (const { name, exportBin } of files) {
    const content = exportBin.toString('base64');
    expect(seen.get(name) ?? content).toBe(content);
    seen.set(name, content);
  }
}
