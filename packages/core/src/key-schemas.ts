import { z } from 'zod';

import { cursorSchema, nullableTimeSchema, orgIdSchema, pageLimitSchema, pageSchema, slugSchema, textSchema, timeSchema } from './fields.ts';
import { KEY_ROLES, ORGANIZATION_ROLES } from './permissions.ts';

const DAY_MS = 86_400_000;

/** Body of `POST /v1/keys`: a new key of the caller's organization, or of `orgId` when an admin asks. */
export const createKeySchema = z.strictObject({
  orgId: orgIdSchema.optional().describe('for an admin, who may also name the organization in the header'),
  name: slugSchema.default('default'),
  role: z.enum(ORGANIZATION_ROLES).default('developer'),
  expiresAt: timeSchema.optional().describe('it works until then; for ever where left out'),
}).meta({ id: 'CreateKey' });
export type CreateKeyRequest = z.input<typeof createKeySchema>;

/** Body of `POST /v1/keys/{id}/rotate`. */
export const rotateKeySchema = z.strictObject({
  overlapMs: z.int().min(0).max(30 * DAY_MS).default(DAY_MS).describe('how long the old secret still works beside the new one, ms'),
  expiresAt: timeSchema.optional().describe('the new secret works until then; as long as the old one would have where left out'),
});
export type RotateKeyRequest = z.input<typeof rotateKeySchema>;

/** A key as it may be shown: never its secret. */
export const apiKeySchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  name: z.string(),
  role: z.enum(KEY_ROLES),
  prefix: z.string().describe('how its secret begins'),
  createdAt: timeSchema,
  createdBy: z.string().nullable().describe('the key that made it'),
  rotatedFrom: z.string().nullable().describe('the key in whose place it stands'),
  expiresAt: nullableTimeSchema,
  revokedAt: nullableTimeSchema,
  lastUsedAt: nullableTimeSchema.describe('to the minute'),
}).meta({ id: 'ApiKey' });
export type ApiKey = z.output<typeof apiKeySchema>;
export const apiKeyPageSchema = pageSchema(apiKeySchema);

/** The only time the secret is shown. */
export const createdKeySchema = apiKeySchema.extend({ secret: z.string() }).meta({ id: 'CreatedKey' });
export type CreatedKey = z.output<typeof createdKeySchema>;

/** What `GET /v1/whoami` says of the key that asks. */
export const whoAmISchema = z.strictObject({
  keyId: z.string(),
  orgId: orgIdSchema.nullable().describe('null: the platform admin, who belongs to none'),
  role: z.enum(KEY_ROLES),
  name: z.string(),
}).meta({ id: 'WhoAmI' });
export type WhoAmI = z.output<typeof whoAmISchema>;

/** One write that came over the API. */
export const auditEntrySchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema.nullable().describe('null: the platform itself'),
  at: timeSchema,
  action: z.string().describe('`operationId` of the operation'),
  target: z.string().describe('a kind and a name or id, such as `schedule/nightly`'),
  keyId: z.string().describe('who did it'),
  role: z.enum(KEY_ROLES),
  requestId: z.string(),
  before: z.unknown().describe('what was there; null where nothing was'),
  after: z.unknown().describe('what is there now; null where nothing is'),
}).meta({ id: 'AuditEntry' });
export type AuditEntry = z.output<typeof auditEntrySchema>;
export const auditPageSchema = pageSchema(auditEntrySchema);

/** Query of `GET /v1/audit`. */
export const listAuditSchema = z.strictObject({
  action: textSchema.max(64).optional(),
  target: textSchema.max(200).optional(),
  keyId: textSchema.max(64).optional(),
  since: timeSchema.optional(),
  until: timeSchema.optional(),
  cursor: cursorSchema.optional(),
  limit: pageLimitSchema,
});
export type ListAudit = z.output<typeof listAuditSchema>;
