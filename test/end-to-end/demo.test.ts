/** `npm run demo`: what it tells is what happens, and nothing of it stays behind. */
import { createCipheriv, createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { downloadAll } from '../support/download.ts';
import { Playground, type EnmeshProcess } from '../support/enmesh.ts';

const timeout = 360_000;

describe('the demonstration', () => {
  it('ends with a warned phone, with 0, within a minute, and with nothing left', { timeout }, async () => {
    // Variables of a real installation must not reach it.
    await using playground = await Playground.open({
      ENMESH_NO_SUCH: '1',
      ENMESH_DATABASE_URL: 'postgresql://nowhere',
    });
    const demo = playground.start(['demo']);
    const folder = await folderOf(demo);
    const { code, stdout, stderr } = await demo.finished();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
    expect(stdout).toMatch(new RegExp(`Ben: you may have been exposed on ${yesterday}, for 30 minutes`));
    expect(stdout).toContain('Clara is not warned');
    expect(Number(/That was all, in (\d+) s/.exec(stdout)?.[1])).toBeLessThan(60);
    await expectNothingLeft(folder);
  });

  it('names addresses and a file that anybody can fetch while it goes on', { timeout }, async () => {
    await using playground = await Playground.open();
    const demo = playground.start(['demo', '--keep']);
    const story = await demo.prints('go on until Ctrl-C');
    const [aa = '', bb = ''] = [...story.matchAll(/phones +(http:\S+)/g)].map(([, url]) => url!);
    for (const issuer of [aa, bb]) {
      const discovery = await fetch(`${issuer}/.well-known/openid-configuration`);
      expect(await discovery.json()).toMatchObject({ issuer });
    }
    const [, file = ''] = /file +(http:\S+\.zip)/.exec(story) ?? [];
    expect(await (await fetch(`${bb}/exports/bb/index.txt`)).text()).toContain(file.slice(`${bb}/exports/`.length));
    const { keys: publicKeys } = (await (await fetch(`${bb}/exports/bb/keys.json`)).json()) as PublicKeys;
    const files = await downloadAll(bb, 'bb', publicKeys[0]!.publicKeyPem);
    const identifiers = new Set(files.flatMap(({ keys }) => keys.flatMap(identifiersOf)));
    const said = [...story.matchAll(/^ +\d\d:\d\d +([0-9a-f]{32}) [0-9a-f]{8}$/gm)].map(
      ([, identifier]) => identifier!,
    );
    expect(said).toHaveLength(3);
    expect(said.filter((identifier) => !identifiers.has(identifier))).toEqual([]);

    const folder = await folderOf(demo);
    expect(await demo.end('SIGINT')).toMatchObject({ code: 0, stderr: '' });
    await expectNothingLeft(folder);
  });

  it('ends with 1 and leaves nothing when it is interrupted', { timeout }, async () => {
    await using playground = await Playground.open();
    const demo = playground.start(['demo']);
    const folder = await folderOf(demo);
    const { code, stderr } = await demo.end('SIGINT');
    expect(code).toBe(1);
    expect(stderr).toContain('interrupted');
    await expectNothingLeft(folder);
  });
});

interface PublicKeys {
  readonly keys: readonly { readonly publicKeyPem: string }[];
}

/** Where it keeps everything. */
async function folderOf(demo: EnmeshProcess): Promise<string> {
  const [, file = ''] = /(\S+)\/authority\.yaml/.exec(await demo.prints('/bb/authority.yaml')) ?? [];
  return dirname(file);
}

/** Neither data nor a process that works on it; where processes can be looked at. */
async function expectNothingLeft(folder: string): Promise<void> {
  expect(existsSync(folder)).toBe(false);
  if (process.platform !== 'linux') return;
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  expect(commands.filter((command) => command.includes(folder))).toEqual([]);
}

/** The specification once more, with other parts: HKDF by hand, and one block at a time. */
function identifiersOf(tek: {
  readonly key: string;
  readonly rollingStart: number;
  readonly rollingPeriod: number;
}): string[] {
  const extracted = createHmac('sha256', Buffer.alloc(32)).update(Buffer.from(tek.key, 'base64')).digest();
  const key = createHmac('sha256', extracted).update('EN-RPIK\u0001').digest().subarray(0, 16);
  return Array.from({ length: tek.rollingPeriod }, (_, index) => {
    const interval = Buffer.alloc(4);
    interval.writeInt32LE(tek.rollingStart + index);
    const block = Buffer.concat([Buffer.from('EN-RPI\0\0\0\0\0\0'), interval]);
    return createCipheriv('aes-128-cbc', key, Buffer.alloc(16)).update(block).toString('hex');
  });
}
