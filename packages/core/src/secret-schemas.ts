import { z } from 'zod';

import { textSchema, timeSchema } from './fields.ts';

/** Secrets of an organization: written over the API, never read back over it. */

export const SECRET_BOUNDS = Object.freeze({ valueBytes: 32 * 1024, perOrganization: 1000, perVersion: 64 });

export const secretNameSchema = z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'letters, digits and _, at most 64, a letter first')
  .describe('secret name, unique in its organization');

/** Body of `PUT /v1/secrets/{name}`. */
export const putSecretSchema = z.strictObject({
  value: textSchema.min(1).refine((value) => new TextEncoder().encode(value).length <= SECRET_BOUNDS.valueBytes, `at most ${SECRET_BOUNDS.valueBytes} bytes`),
});
export type PutSecretRequest = z.input<typeof putSecretSchema>;

/** What the API tells of a secret. */
export const secretSchema = z.strictObject({
  name: secretNameSchema,
  version: z.int().positive().describe('counts the values it has had'),
  createdAt: timeSchema,
  updatedAt: timeSchema,
});
export type Secret = z.output<typeof secretSchema>;

export const secretListSchema = z.strictObject({ items: z.array(secretSchema) });
export type SecretList = z.output<typeof secretListSchema>;

/** Answer of `POST /api/admin/secrets/rewrap`. */
export const rewrapResultSchema = z.strictObject({
  keyId: z.string().describe('the master key that every secret is sealed under now'),
  rewrapped: z.int(),
});
export type RewrapResult = z.output<typeof rewrapResultSchema>;
