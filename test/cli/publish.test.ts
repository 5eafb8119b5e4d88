/** `enmesh publish` against an HTTP server that checks what it gets with code of its own. */
import { createHmac, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from './run-command.ts';

const now = new Date('2026-03-15T13:47:30Z');
const token = Buffer.alloc(600, 7).toString('base64');
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const wrongPair = generateKeyPairSync('ec', { namedCurve: 'P-384' });

interface ReceivedKey {
  readonly key: string;
  readonly rollingStartNumber: number;
  readonly rollingPeriod: number;
  readonly transmissionRisk: number;
}

interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown> & { temporaryExposureKeys: ReceivedKey[]; verificationPayload: string };
}

/** A gateway's outside: it keeps requests and gives the answer it was told to. */
async function startGateway(answer: { status: number; body: unknown }) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Received['body'];
      received.push({ url: request.url ?? '', headers: request.headers, body });
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dir = await mkdtemp(join(tmpdir(), 'enmesh-phone-'));
  const gatewayUrl = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const phone = join(dir, 'phone.json');
  await writeFile(join(dir, 'authority.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(phone, JSON.stringify({ ...profile, gatewayUrl }));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const dispose = async () => {
    await close();
    await rm(dir, { recursive: true });
  };
  return { received, dir, phone, gatewayUrl, close, [Symbol.asyncDispose]: dispose };
}

const profile = {
  appId: 'org.example.health',
  issuer: 'https://verify.example.org',
  audience: 'enmesh-sample',
  kid: 'v1',
  privateKeyFile: 'authority.pem',
};

const accepted = { status: 200, body: { revisionToken: token, insertedExposures: 14, padding: 'AAAA' } };

/** What the certificate says, once its signature is found good. */
function openCertificate(jwt: string): { header: Record<string, unknown>; claims: Record<string, unknown> } | null {
  const [header = '', claims = '', signature = ''] = jwt.split('.');
  const key = { key: pair.publicKey, dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'))) return null;
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  return { header: parse(header), claims: parse(claims) };
}

/** The MAC as reference 3.4 says it, written out once more. */
function expectedMac({ temporaryExposureKeys, hmacKey }: Received['body']): string {
  const byKey = new Map(temporaryExposureKeys.map((key) => [key.key, key]));
  const lines = [...byKey.keys()].sort().map((name) => {
    const key = byKey.get(name);
    return [name, key?.rollingStartNumber, key?.rollingPeriod, key?.transmissionRisk].join('.');
  });
  return createHmac('sha256', Buffer.from(String(hmacKey), 'base64'))
    .update(lines.join(','))
    .digest('base64');
}

describe('a publish', () => {
  it('sends keys with a certificate that is signed over them', async () => {
    await using gateway = await startGateway(accepted);
    const { exitCode, stderr } = await runCommand(['publish', '--phone', gateway.phone], { now });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [request] = gateway.received;
    expect(request?.url).toBe('/v1/publish');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers['x-chaff']).toBeUndefined();
    expect(request?.body).toMatchObject({ healthAuthorityID: profile.appId, traveler: false });
    expect(request?.body.temporaryExposureKeys).toHaveLength(14);
    const issuedAt = now.getTime() / 1000;
    expect(openCertificate(request?.body.verificationPayload ?? '')).toEqual({
      header: { alg: 'ES256', kid: 'v1', typ: 'JWT' },
      claims: {
        iss: profile.issuer,
        aud: profile.audience,
        iat: issuedAt,
        exp: issuedAt + 900,
        reportType: 'confirmed',
        tekmac: request && expectedMac(request.body),
      },
    });
  });

  it('says what the options say', async () => {
    await using gateway = await startGateway(accepted);
    const options = ['--keys', '2', '--today', '--report-type', 'likely', '--onset-days-ago', '3', '--traveler'];
    await runCommand(['publish', '--phone', gateway.phone, ...options, '--revision-token', 'dG9rZW4='], { now });
    const midnight = Date.UTC(2026, 2, 15) / 600_000;
    const onset = { symptomOnsetInterval: midnight - 3 * 144 };
    const body = gateway.received[0]?.body;
    expect(body).toMatchObject({ traveler: true, revisionToken: 'dG9rZW4=', ...onset });
    expect(body?.temporaryExposureKeys.map((key) => key.rollingStartNumber)).toEqual([midnight, midnight - 144]);
    expect(openCertificate(body?.verificationPayload ?? '')?.claims).toMatchObject({ reportType: 'likely', ...onset });
  });

  it('tells the answer, the token shortened, and where the keys will appear', async () => {
    await using gateway = await startGateway({
      status: 200,
      body: { ...accepted.body, code: 'partial_failure', error: 'key 1 is bad\n', warnings: ['key 2 is odd'] },
    });
    const { stdout } = await runCommand(['publish', '--phone', gateway.phone], { now });
    expect(stdout).toContain('published 14 keys: 14 new\n');
    expect(stdout).toContain('code: partial_failure\nerror: key 1 is bad\nwarning: key 2 is odd\n');
    expect(stdout).toContain(`revision token: ${token.slice(0, 16)}…`);
    expect(stdout).not.toContain(token);
    expect(stdout).toContain(`${gateway.gatewayUrl}/exports/{filenameRoot}/index.txt`);
  });

  it('promises no file where nothing was stored', async () => {
    await using gateway = await startGateway({ status: 200, body: { padding: 'AAAA' } });
    const { stdout } = await runCommand(['publish', '--phone', gateway.phone, '--report-type', 'negative'], { now });
    expect(stdout).toBe('published 14 keys: 0 new\n');
  });

  it('names the index that the phone’s file names', async () => {
    await using gateway = await startGateway(accepted);
    const phone = { ...profile, gatewayUrl: gateway.gatewayUrl, indexUrl: 'https://cdn.example.org/aa/index.txt' };
    await writeFile(gateway.phone, JSON.stringify(phone));
    const { stdout } = await runCommand(['publish', '--phone', gateway.phone], { now });
    expect(stdout).toContain('https://cdn.example.org/aa/index.txt\n');
  });

  it('prints JSON with the whole token', async () => {
    await using gateway = await startGateway(accepted);
    const { stdout } = await runCommand(['publish', '--phone', gateway.phone, '--json'], { now });
    expect(JSON.parse(stdout)).toMatchObject({
      status: 200,
      insertedExposures: 14,
      revisionToken: token,
      sentKeys: 14,
    });
  });

  it('finds the phone’s file in the data directory', async () => {
    await using gateway = await startGateway(accepted);
    const { exitCode } = await runCommand(['publish'], { now, env: { ENMESH_DATA_DIR: gateway.dir } });
    expect(exitCode).toBe(0);
  });
});

describe('a revision', () => {
  it('sends the saved keys and token under another report type', async () => {
    await using gateway = await startGateway(accepted);
    const saved = join(gateway.dir, 'saved.json');
    const publish = ['publish', '--phone', gateway.phone];
    await runCommand([...publish, '--report-type', 'likely', '--save', saved], { now });
    expect((await stat(saved)).mode & 0o777).toBe(0o600);
    const { exitCode } = await runCommand([...publish, '--report-type', 'confirmed', '--keys-file', saved], { now });
    expect(exitCode).toBe(0);
    const [first, second] = gateway.received.map((request) => request.body);
    expect(first?.['revisionToken']).toBeUndefined();
    expect(second).toMatchObject({ temporaryExposureKeys: first?.temporaryExposureKeys, revisionToken: token });
    expect(openCertificate(second?.verificationPayload ?? '')?.claims['reportType']).toBe('confirmed');
  });

  it('is not attempted with a file of another kind', async () => {
    await using gateway = await startGateway(accepted);
    const { exitCode, stderr } = await runCommand(['publish', '--phone', gateway.phone, '--keys-file', gateway.phone]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('is not a file of `enmesh publish --save`');
    expect(gateway.received).toEqual([]);
  });
});

describe('chaff', () => {
  it('looks like a publish but is marked, and carries a payload that nobody signed', async () => {
    await using gateway = await startGateway({ status: 200, body: { padding: 'AAAA' } });
    const { exitCode, stdout } = await runCommand(['publish', '--phone', gateway.phone, '--chaff'], { now });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'chaff: answered 200 with 18 bytes\n' });
    const [request] = gateway.received;
    expect(request?.headers['x-chaff']).toBe('1');
    expect(request?.body.temporaryExposureKeys).toHaveLength(14);
    expect(request?.body.verificationPayload).toMatch(/^[\w-]{300,}$/);
  });
});

describe('a publish that fails ends with 1', () => {
  it('when the gateway refuses it, naming status and code, and saves nothing', async () => {
    await using gateway = await startGateway({
      status: 401,
      body: { code: 'unknown_health_authority_id', error: 'no' },
    });
    const saved = join(gateway.dir, 'saved.json');
    const argv = ['publish', '--phone', gateway.phone, '--save', saved];
    expect(await runCommand(argv, { now })).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'enmesh: the gateway answered 401 unknown_health_authority_id: no\n',
    });
    await expect(readFile(saved)).rejects.toThrow('ENOENT');
  });

  it('when the answer is no JSON', async () => {
    await using gateway = await startGateway({ status: 502, body: '<html>' });
    const { exitCode, stderr } = await runCommand(['publish', '--phone', gateway.phone], { now });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'enmesh: the gateway answered 502\n' });
  });

  it('when nothing listens there', async () => {
    await using gateway = await startGateway(accepted);
    await gateway.close();
    const { exitCode, stderr } = await runCommand(['publish', '--phone', gateway.phone], { now });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`enmesh: no answer from ${gateway.gatewayUrl}/v1/publish; start \`enmesh dev\``);
  });
});

describe('a phone’s file that cannot be used ends with 2', () => {
  it.each([
    ['is missing', undefined, 'cannot be read; `enmesh dev` writes one'],
    ['is no JSON', '{', 'does not hold a JSON object'],
    ['lacks names', JSON.stringify({ gatewayUrl: 'http://x', kid: 1 }), 'wants text in appId, issuer, audience, kid'],
    ['has no URL', JSON.stringify({ ...profile, gatewayUrl: 'localhost:1' }), 'http or https URL in gatewayUrl'],
    [
      'names no key',
      JSON.stringify({ ...profile, gatewayUrl: 'http://x', privateKeyFile: 'no.pem' }),
      'privateKeyFile',
    ],
    ['names another key', JSON.stringify({ ...profile, gatewayUrl: 'http://x', privateKeyFile: 'p384.pem' }), 'P-256'],
  ])('because it %s', async (_, content, message) => {
    const dir = await mkdtemp(join(tmpdir(), 'enmesh-phone-'));
    const phone = join(dir, 'phone.json');
    await writeFile(join(dir, 'p384.pem'), wrongPair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    if (content !== undefined) await writeFile(phone, content);
    const { exitCode, stderr } = await runCommand(['publish', '--phone', phone]);
    await rm(dir, { recursive: true });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
