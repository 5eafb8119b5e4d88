/** Fetching a JWKS: what is read, and each thing that is refused. Decisions, Publish 17; reference fault 39. */
import type { lookup } from 'node:dns';
import { type LookupAddress } from 'node:dns';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { fetchDocument, type FetchSettings } from '../../../src/server/jwks/fetch-document.ts';
import { refusalOf } from '../publish/publisher.ts';
import { startIssuer, trustingSettings } from './issuer.ts';

const never = new AbortController().signal;

async function read(url: string, settings: Partial<FetchSettings> = {}): Promise<string> {
  return await fetchDocument(url, { ...trustingSettings, ...settings }, never);
}

/** A resolver that knows these addresses for every name. */
function resolvesTo(...addresses: string[]): typeof lookup {
  const answer = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const resolve = (_name: string, _options: unknown, callback: (error: null, found: LookupAddress[]) => void): void => {
    callback(null, answer);
  };
  return resolve as unknown as typeof lookup;
}

describe('a JWKS', () => {
  it('is read over https', async () => {
    await using issuer = await startIssuer('[]');
    expect(await read(issuer.url)).toBe('[]');
  });

  it('is not read from a server whose certificate nobody signed that we trust', async () => {
    await using issuer = await startIssuer('[]');
    expect(await refusalOf(read(issuer.url, { ca: undefined }))).toMatchObject({
      kind: 'unavailable',
      code: 'jwks_unreachable',
      message: expect.stringMatching(
        /certificate that is not trusted \(\w+; is its root in ENMESH_JWKS_CA\?\)/,
      ) as string,
    });
    expect(issuer.requests).toBe(0);
  });

  it('is not read from a server whose certificate is for another name', async () => {
    await using issuer = await startIssuer('[]');
    const url = issuer.url.replace('localhost', 'verify.example.org');
    expect(await refusalOf(read(url, { lookup: resolvesTo('127.0.0.1') }))).toMatchObject({
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as string,
    });
  });

  it('is not read over plain http, from loopback neither', async () => {
    await using issuer = await startIssuer('[]', { isPlain: true });
    expect(await refusalOf(read(issuer.url))).toMatchObject({ kind: 'precondition', code: 'jwks_refused' });
    expect(issuer.requests).toBe(0);
  });

  it('is read over plain http from loopback in a test installation, and from nowhere else', async () => {
    await using issuer = await startIssuer('[]', { isPlain: true });
    expect(await read(issuer.url, { allowLoopback: true })).toBe('[]');
    const elsewhere = { allowLoopback: true, lookup: resolvesTo('93.184.216.34') };
    const url = issuer.url.replace('localhost', 'verify.example.org');
    expect(await refusalOf(read(url, elsewhere))).toMatchObject({ code: 'jwks_refused' });
  });

  it.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', 'localhost'])(
    'is not read from the loopback address %s unless that is allowed',
    async (host) => {
      await using issuer = await startIssuer('[]');
      const url = issuer.url.replace('localhost', host);
      expect(await refusalOf(read(url, { allowPrivateAddresses: false }))).toMatchObject({
        kind: 'precondition',
        code: 'jwks_refused',
      });
      expect(issuer.requests).toBe(0);
    },
  );

  it.each(['10.0.0.1', '169.254.169.254', '192.168.1.1', '100.64.0.1', 'fd00::1', 'fe80::1', '::ffff:10.0.0.1'])(
    'is not read from a name that leads to %s',
    async (address) => {
      const settings = { allowPrivateAddresses: false, lookup: resolvesTo(address) };
      expect(await refusalOf(read('https://verify.example.org/', settings))).toMatchObject({ code: 'jwks_refused' });
    },
  );

  it('is read from the addresses that are allowed where a name has others too', async () => {
    await using issuer = await startIssuer('[]');
    const settings = { allowPrivateAddresses: false, allowLoopback: true, lookup: resolvesTo('10.0.0.1', '127.0.0.1') };
    expect(await read(issuer.url, settings)).toBe('[]');
  });

  it('is connected to where its name was found to lead, so that a second answer cannot lead elsewhere', async () => {
    await using issuer = await startIssuer('[]');
    let lookups = 0;
    const first = resolvesTo('127.0.0.1');
    const second = resolvesTo('169.254.169.254');
    const resolve = ((...args: Parameters<typeof lookup>) => {
      (lookups++ === 0 ? first : second)(...args);
    }) as typeof lookup;
    expect(await read(issuer.url, { allowPrivateAddresses: false, allowLoopback: true, lookup: resolve })).toBe('[]');
    expect(lookups).toBe(1);
  });

  it('of 256 KiB is read, and one of a byte more is not, whatever length it says', async () => {
    const most = 256 * 1024;
    await using exact = await startIssuer('x'.repeat(most));
    expect(await read(exact.url)).toHaveLength(most);
    await using said = await startIssuer('x'.repeat(most + 1));
    await using streamed = await startIssuer('', {
      listener: (_request, response) => {
        response.write('x'.repeat(most));
        response.end('x');
      },
    });
    for (const { url } of [said, streamed]) {
      expect(await refusalOf(read(url))).toMatchObject({
        code: 'jwks_unreachable',
        message: 'the JWKS is larger than 256 KiB; nothing was changed',
      });
    }
  });

  it.each([301, 302, 303, 307, 308])('is not looked for where a redirect %i leads', async (status) => {
    await using target = await startIssuer('[]');
    await using issuer = await startIssuer('', {
      listener: (_request, response) => response.writeHead(status, { location: target.url }).end(),
    });
    expect(await refusalOf(read(issuer.url))).toMatchObject({
      code: 'jwks_unreachable',
      message: expect.stringContaining('set jwksUri to where it leads') as string,
    });
    expect(target.requests).toBe(0);
  });

  it.each([204, 404, 500])('is not what comes with status %i', async (status) => {
    await using issuer = await startIssuer('', { listener: (_request, response) => response.writeHead(status).end() });
    expect(await refusalOf(read(issuer.url))).toMatchObject({ code: 'jwks_unreachable' });
  });

  it('is UTF-8 or nothing', async () => {
    await using issuer = await startIssuer('', {
      listener: (_request, response) => response.end(Buffer.of(0x5b, 0xff)),
    });
    expect(await refusalOf(read(issuer.url))).toMatchObject({ kind: 'invalid', code: 'jwks_unusable' });
  });
});

describe('time for a JWKS', () => {
  const tooLong = {
    code: 'jwks_unreachable',
    message: 'the JWKS took longer than ENMESH_JWKS_TIMEOUT; nothing was changed',
  };

  it('ends when no answer comes', async () => {
    await using issuer = await startIssuer('', { listener: () => undefined });
    expect(await refusalOf(read(issuer.url, { timeoutMs: 200 }))).toMatchObject(tooLong);
  });

  it('ends when the answer comes in drops', async () => {
    await using issuer = await startIssuer('', {
      listener: (_request, response) => {
        response.write('[');
      },
    });
    expect(await refusalOf(read(issuer.url, { timeoutMs: 200 }))).toMatchObject(tooLong);
  });

  it('ends when nobody speaks TLS', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    expect(await refusalOf(read(`https://localhost:${String(port)}/`, { timeoutMs: 200 }))).toMatchObject(tooLong);
    silent.close();
  });

  it('ends when the name is not found out', async () => {
    const silent = (() => undefined) as unknown as typeof lookup;
    const outcome = await refusalOf(read('https://verify.example.org/', { timeoutMs: 200, lookup: silent }));
    expect(outcome).toMatchObject(tooLong);
  });

  it('ends when the caller has gone', async () => {
    await using issuer = await startIssuer('', { listener: () => undefined });
    const gone = new AbortController();
    const reading = fetchDocument(issuer.url, trustingSettings, gone.signal);
    gone.abort();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  });
});

it('names a server that is not there without its address', async () => {
  const issuer = await startIssuer('[]');
  await issuer[Symbol.asyncDispose]();
  expect(await refusalOf(read(issuer.url))).toMatchObject({
    code: 'jwks_unreachable',
    message: 'the JWKS cannot be read (ECONNREFUSED); nothing was changed',
  });
});
