/** Addresses as text, and which of them other machines reach. */
import { expect, test } from 'vitest';
import { hostAndPort, hostOfTarget, isLoopback } from '../../../src/platform/config/address.ts';

test.for([
  ['127.0.0.1', '127.0.0.1:1'],
  ['enmesh.example', 'enmesh.example:1'],
  ['::1', '[::1]:1'],
  ['0.0.0.0', '127.0.0.1:1'],
  ['::', '[::1]:1'],
  ['0:0:0:0:0:0:0:0', '[::1]:1'],
] as const)('%s is called %s', ([host, text]) => {
  expect(hostAndPort({ host, port: 1 })).toBe(text);
});

test.for([
  ['localhost:1', 'localhost'],
  ['dns:///enmesh.example:1', 'enmesh.example'],
  ['[::1]:1', '::1'],
] as const)('the host of the target %s is %s', ([target, host]) => {
  expect(hostOfTarget(target)).toBe(host);
});

test.for(['127.0.0.1', '127.255.255.255', '::1', 'localhost', 'LOCALHOST', '::ffff:127.0.0.1'])(
  '%s is loopback',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.for(['0.0.0.0', '126.255.255.255', '128.0.0.1', '::', '::2', '127.example.com', 'localhost.example.com', ''])(
  '%s is not loopback',
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);
