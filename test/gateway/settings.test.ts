import { describe, expect, it } from 'vitest';
import { gatewaySettings } from '../../src/gateway/start.ts';
import { readValues } from '../../src/platform/config/load.ts';

describe('settings of the gateway', () => {
  it('are the defaults of the interface when nothing is set', async () => {
    expect(await gatewaySettings(await readValues({}, false))).toEqual({
      address: { host: '127.0.0.1', port: 8080 },
      maintenance: false,
      padding: { minBytes: 1024, range: 1024 },
      statsPadding: { minBytes: 2048, range: 1024 },
      bodyLimit: 64_000,
      timeouts: {
        headerMs: 10_000,
        requestMs: 30_000,
        callMs: 10_000,
        answerMs: 900_000,
        idleMs: 60_000,
        keepAliveMs: 75_000,
        quietMs: 1_000,
        stopMs: 10_000,
      },
      hasV1Alpha1: false,
      rateLimitPerMinute: 0,
      maxConnections: 10_000,
      trustedProxies: [],
      retryAfterSeconds: 60,
      fileCacheBytes: 64 * 1024 * 1024,
      fileFreshMs: 10_000,
    });
  });

  it('come from the environment', async () => {
    const values = await readValues(
      {
        ENMESH_GATEWAY_ADDRESS: '[::1]:0',
        ENMESH_MAINTENANCE_MODE: 'true',
        ENMESH_RESPONSE_PADDING_MIN_BYTES: '10',
        ENMESH_RESPONSE_PADDING_RANGE: '20',
        ENMESH_ENABLE_V1ALPHA1_API: 'true',
        ENMESH_RATE_LIMIT_PER_MINUTE: '20',
        ENMESH_GATEWAY_MAX_CONNECTIONS: '300',
        ENMESH_TRUSTED_PROXIES: '10.0.0.0/8',
        ENMESH_STOP_TIMEOUT: '3s',
      },
      false,
    );
    expect(await gatewaySettings(values)).toMatchObject({
      address: { host: '::1', port: 0 },
      maintenance: true,
      padding: { minBytes: 10, range: 20 },
      timeouts: { stopMs: 3_000 },
      hasV1Alpha1: true,
      rateLimitPerMinute: 20,
      maxConnections: 300,
      trustedProxies: [{ address: '10.0.0.0', prefix: 8, family: 'ipv4' }],
    });
  });

  it('want certificate and key together', async () => {
    const values = await readValues({ ENMESH_GATEWAY_TLS_CERT: '-----BEGIN CERTIFICATE-----' }, false);
    await expect(gatewaySettings(values)).rejects.toThrow('ENMESH_GATEWAY_TLS_KEY');
  });
});
