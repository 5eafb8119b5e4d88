/** Every code that `/openapi.json` documents is really answered, with its status; each answer is as it says. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientCodeList } from '../../../src/gateway/codes.ts';
import { AppError } from '../../../src/domain/errors.ts';
import { startInstallation, type Installation } from '../../conformance/support/installation.ts';
import type { Authority, AuthorityOptions } from '../../support/authority.ts';
import { makeKeys, type PublishBody } from '../../support/phone.ts';
import { ask, openGateway, type Answer, type TestGateway } from '../support/gateway.ts';
import { documentOf, expectDescribed, type Document } from './described.ts';

const routes = { publish: '/v1/publish', v1alpha1: '/', stats: '/v1/stats' } as const;
type Api = keyof typeof routes;

/** Another answer for each row of the table. */
interface Provocation {
  readonly api: Api;
  readonly code: string;
  readonly status: number;
  provoke(): Promise<Answer>;
}

let installation: Installation;
let limited: TestGateway;
let closed: TestGateway;
let broken: TestGateway;
let alone: TestGateway;
let held: TestGateway;

beforeAll(async () => {
  installation = await startInstallation({ gateway: { hasV1Alpha1: true } });
  limited = await openGateway({ settings: { rateLimitPerMinute: 1, hasV1Alpha1: true } });
  closed = await openGateway({ settings: { maintenance: true, hasV1Alpha1: true } });
  const fail = () => Promise.reject(new Error('nobody foresaw this'));
  broken = await openGateway({ publish: fail, stats: fail, settings: { hasV1Alpha1: true } });
  alone = await openGateway({ settings: { hasV1Alpha1: true } });
  await alone.stopRoles();
  held = await openGateway({ stats: () => Promise.reject(new AppError('forbidden', 'on_hold', 'on hold')) });
});
afterAll(async () => {
  for (const each of [installation, limited, closed, broken, alone, held]) await each[Symbol.asyncDispose]();
});

const json = { 'content-type': 'application/json' };

/** A POST of an object or a text. */
async function post(gateway: { readonly port: number }, api: Api, body: object | string = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return await ask(gateway, routes[api], { method: 'POST', headers: json, body: text });
}

/** What an app of its own sends, changed. */
async function publishOf(
  options: AuthorityOptions,
  change: (body: PublishBody) => object = (body) => body,
): Promise<Answer> {
  const { phone } = await installation.authority(options);
  return await post(installation, 'publish', change(phone.publishBody({ now: installation.clock.now() })));
}

/** A first publish, then one that sends its keys again. */
async function publishTwice(
  first: string,
  ...others: readonly { readonly reportType: string; readonly withToken: boolean }[]
): Promise<Answer> {
  const { phone } = await installation.authority();
  const now = installation.clock.now();
  const keys = makeKeys(now, 1);
  let answer = await post(installation, 'publish', phone.publishBody({ now, keys, reportType: first }));
  for (const { reportType, withToken } of others) {
    const { revisionToken = '' } = JSON.parse(answer.text) as { readonly revisionToken?: string };
    const token = withToken ? { revisionToken } : {};
    answer = await post(installation, 'publish', phone.publishBody({ now, keys, reportType, ...token }));
  }
  return answer;
}

async function requireAttestation(): Promise<Answer> {
  const authority: Authority = await installation.authority();
  await installation.database.query(`update apps set attestation = 'require' where id = $1`, [authority.appRowId]);
  return await post(installation, 'publish', authority.phone.publishBody({ now: installation.clock.now() }));
}

async function regionOfOthers(): Promise<Answer> {
  const { phone } = await installation.authority();
  const { healthAuthorityID: appPackageName, ...body } = phone.publishBody({ now: installation.clock.now() });
  return await post(installation, 'v1alpha1', { ...body, appPackageName, regions: ['ZZ'] });
}

async function afterOneMore(api: Api): Promise<Answer> {
  await post(limited, api);
  return await post(limited, api);
}

const wrongType = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' };
const tooLarge = `{"padding":"${'x'.repeat(70_000)}"}`;
const changed = { code: 'health_authority_verification_certificate_invalid', status: 401 };

const own: readonly Provocation[] = [
  { api: 'publish', code: 'bad_request', status: 413, provoke: () => post(installation, 'publish', tooLarge) },
  { api: 'publish', code: 'bad_request', status: 415, provoke: () => ask(installation, '/v1/publish', wrongType) },
  { api: 'publish', ...changed, provoke: () => publishOf({}, (body) => ({ ...body, hmacKey: 'AAAA' })) },
  { api: 'publish', code: 'attestation_invalid', status: 401, provoke: requireAttestation },
  {
    api: 'publish',
    code: 'missing_revision_token',
    status: 400,
    provoke: () => publishTwice('likely', { reportType: 'confirmed', withToken: false }),
  },
  {
    api: 'publish',
    code: 'invalid_revision_token',
    status: 400,
    provoke: async () => {
      const { phone } = await installation.authority();
      const now = installation.clock.now();
      const keys = makeKeys(now, 1);
      await post(installation, 'publish', phone.publishBody({ now, keys }));
      return await post(installation, 'publish', phone.publishBody({ now, keys, revisionToken: 'AAAA' }));
    },
  },
  {
    api: 'publish',
    code: 'key_already_revised',
    status: 400,
    provoke: () =>
      publishTwice(
        'user-report',
        { reportType: 'likely', withToken: true },
        { reportType: 'confirmed', withToken: true },
      ),
  },
  {
    api: 'publish',
    code: 'invalid_report_type_transition',
    status: 400,
    provoke: () => publishTwice('confirmed', { reportType: 'negative', withToken: true }),
  },
  { api: 'publish', code: 'on_hold', status: 403, provoke: () => publishOf({ isAppHeld: true }) },
  {
    api: 'publish',
    code: 'partial_failure',
    status: 200,
    provoke: async () => {
      const { phone } = await installation.authority();
      const now = installation.clock.now();
      const [key, other] = makeKeys(now, 2);
      const keys = [key!, { ...other!, rollingPeriod: 145 }];
      return await post(installation, 'publish', phone.publishBody({ now, keys }));
    },
  },
  {
    api: 'publish',
    code: 'health_authority_missing_region_config',
    status: 500,
    provoke: () => publishOf({ regions: [] }),
  },
  { api: 'v1alpha1', code: 'unauthorized_region', status: 401, provoke: regionOfOthers },
  { api: 'stats', code: 'unauthorized', status: 401, provoke: () => post(installation, 'stats') },
  {
    api: 'stats',
    code: 'on_hold',
    status: 403,
    provoke: () =>
      ask(held, '/v1/stats', { method: 'POST', headers: { ...json, authorization: 'Bearer a.b.c' }, body: '{}' }),
  },
];

const withToken = { ...json, authorization: 'Bearer a.b.c' };

/** What both routes share. */
const shared = (['publish', 'stats'] as const).flatMap((api): readonly Provocation[] => {
  const sent = { method: 'POST', headers: withToken, body: '{}' };
  return [
    { api, code: 'bad_request', status: 400, provoke: () => post(installation, api, '{') },
    { api, code: 'method_not_allowed', status: 405, provoke: () => ask(installation, routes[api]) },
    { api, code: 'rate_limited', status: 429, provoke: () => afterOneMore(api) },
    { api, code: 'internal_error', status: 500, provoke: () => ask(broken, routes[api], sent) },
    { api, code: 'unavailable', status: 503, provoke: () => ask(alone, routes[api], sent) },
    { api, code: 'maintenance', status: 503, provoke: () => post(closed, api) },
  ];
});

const provocations: readonly Provocation[] = [
  ...own,
  ...shared,
  {
    api: 'publish',
    code: 'unknown_health_authority_id',
    status: 401,
    provoke: () => post(installation, 'publish', { healthAuthorityID: 'nobody' }),
  },
];

describe('every documented code', () => {
  let document: Document;
  beforeAll(async () => {
    document = await documentOf(installation);
  });

  it.each(provocations)('$status $code of $api is answered, as documented', async ({ api, code, status, provoke }) => {
    const answer = await provoke();
    const told = JSON.parse(answer.text) as { readonly code?: string };
    expect([answer.status, told.code]).toEqual([status, api === 'v1alpha1' ? undefined : code]);
    expectDescribed(document, { path: routes[api], method: 'post' }, answer);
  });

  it('is among these', () => {
    const documented = clientCodeList.flatMap(([code, { statuses }]) =>
      Object.entries(statuses).flatMap(([api, all]) =>
        (all as number[]).map((status) => `${api} ${code} ${String(status)}`),
      ),
    );
    const provoked = provocations.map(({ api, code, status }) => `${api} ${code} ${String(status)}`);
    expect(provoked.toSorted()).toEqual(documented.toSorted());
  });
});
