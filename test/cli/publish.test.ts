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
  readonly transmissionRisk?: number;
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
function expectedMac({ temporaryExposureKeys, hmacKey }: Received['body'], fields = 4): string {
  const byKey = new Map(temporaryExposureKeys.map((key) => [key.key, key]));
  const lines = [...byKey.keys()].sort().map((name) => {
    const key = byKey.get(name);
    const all = [name, key?.rollingStartNumber, key?.rollingPeriod, key?.transmissionRisk ?? 0];
    return all.slice(0, fields).join('.');
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

  it('takes keys and token from where --save left them, and keeps the new token there', async () => {
    await using gateway = await startGateway(accepted);
    const publish = ['publish', '--phone', gateway.phone];
    await runCommand([...publish, '--report-type', 'likely', '--save'], { now });
    await writeFile(gateway.phone, JSON.stringify({ ...profile, gatewayUrl: gateway.gatewayUrl }));
    const { exitCode } = await runCommand([...publish, '--revise'], { now });
    expect(exitCode).toBe(0);
    const [first, second] = gateway.received.map((request) => request.body);
    expect(second).toMatchObject({ temporaryExposureKeys: first?.temporaryExposureKeys, revisionToken: token });
    expect(JSON.parse(await readFile(join(gateway.dir, 'phone-keys.json'), 'utf8'))).toMatchObject({
      revisionToken: token,
    });
  });

  it('is not attempted with a file of another kind', async () => {
    await using gateway = await startGateway(accepted);
    const { exitCode, stderr } = await runCommand(['publish', '--phone', gateway.phone, '--keys-file', gateway.phone]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('is not a file of `enmesh publish --save`');
    expect(gateway.received).toEqual([]);
  });
});

describe('what a phone may send', () => {
  const midnight = Date.UTC(2026, 2, 15) / 600_000;

  /** The body that the options make; nothing is sent. */
  async function bodyOf(...options: string[]): Promise<Received['body']> {
    await using gateway = await startGateway(accepted);
    const { exitCode, stdout } = await runCommand(['publish', '--phone', gateway.phone, '--dry-run', ...options], {
      now,
    });
    expect({ exitCode, sent: gateway.received }).toEqual({ exitCode: 0, sent: [] });
    return JSON.parse(stdout) as Received['body'];
  }

  it('is a newest key of today that ended early, and a risk for every key', async () => {
    const body = await bodyOf('--keys', '2', '--today', '--rolling-period', '80', '--transmission-risk', '5');
    expect(body.temporaryExposureKeys).toMatchObject([
      { rollingStartNumber: midnight, rollingPeriod: 80, transmissionRisk: 5 },
      { rollingStartNumber: midnight - 144, rollingPeriod: 144, transmissionRisk: 5 },
    ]);
    expect(openCertificate(body.verificationPayload)?.claims['tekmac']).toBe(expectedMac(body));
  });

  it('is a key without a risk, under an HMAC without one', async () => {
    const body = await bodyOf('--keys', '3', '--transmission-risk', 'none', '--hmac-fields', '3');
    expect(body.temporaryExposureKeys.every((key) => !('transmissionRisk' in key))).toBe(true);
    expect(openCertificate(body.verificationPayload)?.claims['tekmac']).toBe(expectedMac(body, 3));
  });

  it.each([
    ['both', true, true],
    ['request', true, false],
    ['certificate', false, true],
  ])('is a day of onset, told in %s', async (place, inRequest, inCertificate) => {
    const body = await bodyOf('--onset', '2026-03-12', '--onset-in', place);
    const interval = midnight - 3 * 144;
    expect(body['symptomOnsetInterval']).toBe(inRequest ? interval : undefined);
    const { claims } = openCertificate(body.verificationPayload) ?? {};
    expect(claims?.['symptomOnsetInterval']).toBe(inCertificate ? interval : undefined);
  });

  it('is a body of the first apps, with its regions', async () => {
    const body = await bodyOf('--v1alpha1', '--region', 'AA', 'BB');
    expect(body).toMatchObject({ appPackageName: profile.appId, regions: ['AA', 'BB'] });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['traveler']));
    expect(openCertificate(body.verificationPayload)?.claims['tekmac']).toBe(
      expectedMac({ ...body, hmacKey: body['hmackey'] }),
    );
  });

  it('is an attestation out of a file, and none when it is off', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'enmesh-phone-'));
    await writeFile(join(dir, 'token'), 'a.b.c\n');
    const body = await bodyOf('--platform', 'android', '--attestation', join(dir, 'token'));
    await rm(dir, { recursive: true });
    expect(body).toMatchObject({ platform: 'android', deviceVerificationPayload: 'a.b.c' });
    expect(await bodyOf('--platform', 'android', '--attestation', 'off')).not.toHaveProperty('platform');
  });

  it('is as much padding as asked for', async () => {
    expect(String((await bodyOf('--padding', '300'))['padding'])).toHaveLength(400);
  });

  it('is a body as it is, to either route, from a User-Agent of its platform', async () => {
    await using gateway = await startGateway(accepted);
    const send = ['publish', '--phone', gateway.phone, '--body', '-', '--platform', 'ios', '--v1alpha1'];
    const stdin = '{"temporaryExposureKeys":[{}],"verificationPayload":""}';
    const { exitCode, stdout } = await runCommand(send, { now, stdin });
    expect({ exitCode, stdout: stdout.split('\n')[0] }).toEqual({ exitCode: 0, stdout: 'published 1 key: 14 new' });
    expect(gateway.received).toMatchObject([{ url: '/', body: JSON.parse(stdin) as unknown }]);
    expect(gateway.received[0]?.headers['user-agent']).toContain('CFNetwork');
  });

  it('is the same request once more', async () => {
    await using gateway = await startGateway(accepted);
    const { stdout } = await runCommand(['publish', '--phone', gateway.phone, '--repeat', '2', '--json'], { now });
    expect(JSON.parse(stdout)).toHaveLength(3);
    expect(gateway.received).toHaveLength(3);
    expect(new Set(gateway.received.map(({ body }) => body.verificationPayload)).size).toBe(1);
  });
});

describe('words that do not fit together end with 2', () => {
  it.each([
    [['--region', 'AA'], '--region needs --v1alpha1'],
    [['--attestation', 'x'], '--attestation needs --platform'],
    [['--attestation', '/nowhere', '--platform', 'ios'], '/nowhere cannot be read'],
    [['--onset', 'yesterday'], 'It wants a day, such as 2026-03-15.'],
    [['--onset', '2026-03-12', '--onset-days-ago', '3'], 'cannot be used with'],
    [['--transmission-risk', '9'], 'It wants a whole number from 0 to 8, or none.'],
    [['--rolling-period', '145'], 'from 1 to 144'],
    [['--revise', '--today'], 'cannot be used with'],
    [['--body', '-', '--traveler'], 'cannot be used with'],
    [['--v1alpha1', '--traveler'], 'cannot be used with'],
  ])('%j', async (options, message) => {
    await using gateway = await startGateway(accepted);
    const { exitCode, stderr } = await runCommand(['publish', '--phone', gateway.phone, ...options], { now });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
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
    const { exitCode, stdout, stderr } = await runCommand(argv, { now });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toMatch(
      /^enmesh: the gateway answered 401 unknown_health_authority_id: no\n {2}why, step by step: /,
    );
    await expect(readFile(saved)).rejects.toThrow('ENOENT');
  });

  it('when there is no such route, naming what may be wrong with either', async () => {
    await using gateway = await startGateway({ status: 404, body: '404 page not found' });
    const old = await runCommand(['publish', '--phone', gateway.phone, '--v1alpha1'], { now });
    expect(old.exitCode).toBe(1);
    expect(old.stderr).toContain('does the gateway run with ENMESH_ENABLE_V1ALPHA1_API=true?');
    const { stderr } = await runCommand(['publish', '--phone', gateway.phone], { now });
    expect(stderr).toContain('is gatewayUrl in the phone file the gateway?');
    expect(stderr).not.toContain('V1ALPHA1');
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
