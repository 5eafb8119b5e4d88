import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { openGateway } from '../support/gateway.ts';
import { documentOf } from './described.ts';

it.each([true, false])('/openapi.json is OpenAPI 3.1 (with v1alpha1: %s)', async (hasV1Alpha1) => {
  await using gateway = await openGateway({ settings: { hasV1Alpha1 } });
  const validator = new Validator();
  const { valid, errors } = await validator.validate({ ...(await documentOf(gateway)) });
  expect([valid, errors]).toEqual([true, undefined]);
  expect(validator.version).toBe('3.1');
});
