/** What each reader takes, and the first text that it refuses. */
import { expect, test } from 'vitest';
import { rolePairs } from '../../../src/platform/config/caller-readers.ts';
import * as read from '../../../src/platform/config/readers.ts';

test.for([
  ['0s', 0],
  ['1s', 1],
  ['90s', 90],
  ['15m', 900],
  ['1h', 3600],
  ['14d', 1_209_600],
  ['999999999d', 86_399_999_913_600],
] as const)('the duration %s is %i seconds', ([text, seconds]) => {
  expect(read.duration(text)).toBe(seconds);
});

test.for(['', '90', 's', '-1s', '1.5h', '1 h', ' 1h', '1H', '1w', '1ms', '1h30m', '9999999999s', '1s\n'])(
  'the duration %j is refused',
  (text) => {
    expect(() => read.duration(text)).toThrow('wants a duration such as 90s, 15m, 1h or 14d');
  },
);

test('a positive duration is at least a second', () => {
  expect(read.positiveDuration('1s')).toBe(1);
  expect(() => read.positiveDuration('0s')).toThrow('at least 1s');
  expect(() => read.positiveDuration('0d')).toThrow('at least 1s');
});

test('a switch is true or false, and no other word', () => {
  expect(read.bool('true')).toBe(true);
  expect(read.bool('false')).toBe(false);
  for (const text of ['', 'TRUE', '1', '0', 'yes', 'true '])
    expect(() => read.bool(text)).toThrow('wants true or false');
});

test('a whole number lies within its bounds', () => {
  const reader = read.integer(-1, 10);
  expect(reader('-1')).toBe(-1);
  expect(reader('10')).toBe(10);
  expect(reader('007')).toBe(7);
  for (const text of ['-2', '11', '', '1.0', '1e1', '0x1', ' 1', '1 ', 'NaN', 'Infinity', '1'.repeat(16)]) {
    expect(() => reader(text)).toThrow('wants a whole number from -1 to 10');
  }
});

test('a text is anything but nothing', () => {
  expect(read.text(' ')).toBe(' ');
  expect(() => read.text('')).toThrow('wants a value');
});

test.for([
  ['127.0.0.1:8080', '127.0.0.1', 8080],
  ['[::1]:0', '::1', 0],
  ['enmesh.example:65535', 'enmesh.example', 65_535],
] as const)('the address %s is read', ([text, host, port]) => {
  expect(read.address(text)).toEqual({ host, port });
});

test.for([
  '',
  ':80',
  'host',
  'host:',
  'host:65536',
  'host:-1',
  '::1:80',
  '[::1]',
  '[]:80',
  'a b:80',
  'http://a:80',
  'a:1:2',
])('the address %j is refused', (text) => {
  expect(() => read.address(text)).toThrow('wants HOST:PORT');
});

test.for(['localhost:9090', '[::1]:9090', 'dns:///enmesh.example:9090'])('the target %s is taken as it is', (text) => {
  expect(read.target(text)).toBe(text);
});

test.for(['', 'localhost', 'dns:///localhost', 'local host:1', 'localhost:', 'localhost:x'])(
  'the target %j is refused',
  (text) => {
    expect(() => read.target(text)).toThrow('wants HOST:PORT or dns:///HOST:PORT');
  },
);

test('one of the words is taken, any other is refused with the list', () => {
  const reader = read.oneOf('a', 'b');
  expect(reader('b')).toBe('b');
  for (const text of ['', 'A', 'c']) expect(() => reader(text)).toThrow('wants one of a, b');
});

test('a database URL is one of PostgreSQL', () => {
  for (const text of ['postgres://localhost/a', 'postgresql://u:p@h:5432/n?sslmode=require']) {
    expect(read.databaseUrl(text)).toBe(text);
  }
  for (const text of ['', 'localhost', 'mysql://localhost/a', 'https://localhost']) {
    expect(() => read.databaseUrl(text)).toThrow('wants postgresql://USER:PASSWORD@HOST:PORT/NAME');
  }
});

test('a URL is absolute, http or https', () => {
  for (const text of ['https://id.example', 'http://127.0.0.1:8080']) expect(read.httpUrl(text)).toBe(text);
  for (const text of ['', 'id.example', '/a', 'ftp://a', 'file:///etc/passwd']) {
    expect(() => read.httpUrl(text)).toThrow('wants an https URL');
  }
});

test('base64 is at least one byte, with or without padding', () => {
  expect(read.base64('AA==')).toEqual(Buffer.of(0));
  expect(read.base64('AA')).toEqual(Buffer.of(0));
  expect(read.base64('+/+/')).toEqual(Buffer.of(0xfb, 0xff, 0xbf));
  for (const text of ['', '=', 'A', 'AA AA', '-_-_', 'AB==', 'ä']) {
    expect(() => read.base64(text)).toThrow('wants base64');
  }
});

test('CIDRs and single addresses are read, and nothing is an empty list', () => {
  expect(read.cidrs('')).toEqual([]);
  expect(read.cidrs('10.0.0.0/8, ::1 ,fd00::/128,0.0.0.0/0,192.0.2.1')).toEqual([
    { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
    { address: '::1', prefix: 128, family: 'ipv6' },
    { address: 'fd00::', prefix: 128, family: 'ipv6' },
    { address: '0.0.0.0', prefix: 0, family: 'ipv4' },
    { address: '192.0.2.1', prefix: 32, family: 'ipv4' },
  ]);
});

test.for([
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/-1',
  '10.0.0.0/8.5',
  '10.0.0.0/',
  '10.0.0/8',
  '999.0.0.1',
  '::::/64',
  'fe80::1%eth0',
  'localhost',
  '10.0.0.0/x',
])('the CIDR %j is refused', (text) => {
  expect(() => read.cidrs(text)).toThrow('wants CIDRs such as 10.0.0.0/8');
});

test('pairs are split at the last equals sign', () => {
  expect([...read.pairs('a=1, b==2,')]).toEqual([
    ['a', '1'],
    ['b=', '2'],
  ]);
  expect(read.pairs('').size).toBe(0);
  for (const text of ['a', '=1', 'a=1,b']) expect(() => read.pairs(text)).toThrow('wants NAME=VALUE pairs');
});

test('caller roles are three words, and a refusal never repeats what may be a token', () => {
  expect([...rolePairs('gateway.internal=gateway,ops=operate,look=read')]).toEqual([
    ['gateway.internal', 'gateway'],
    ['ops', 'operate'],
    ['look', 'read'],
  ]);
  expect(rolePairs('').size).toBe(0);
  for (const text of ['secret=admin', 'secret=Operate', 'secret=', 'secret']) {
    expect(() => rolePairs(text)).toThrow(/^(?!.*secret).*wants NAME=/);
  }
});

test('a key ring is a full resource name', () => {
  const ring = 'projects/my-project/locations/europe-west1/keyRings/en_mesh-1';
  expect(read.keyRing(ring)).toBe(ring);
  expect(read.keyRing(`projects/p/locations/global/keyRings/${'r'.repeat(63)}`)).toContain('rrr');
  for (const text of ['', 'enmesh', `${ring}/cryptoKeys/k`, `${ring}\n`, `/${ring}`, `${ring}${'r'.repeat(63)}`]) {
    expect(() => read.keyRing(text)).toThrow('wants projects/PROJECT/locations/LOCATION/keyRings/RING');
  }
});

test('an endpoint has no slash at its end; without a scheme it is an emulator on plain http', () => {
  expect(read.endpoint('https://blobs.example/path/')).toBe('https://blobs.example/path');
  expect(read.endpoint('127.0.0.1:4443')).toBe('http://127.0.0.1:4443');
  expect(() => read.endpoint('ftp://blobs.example')).toThrow('https URL');
});
