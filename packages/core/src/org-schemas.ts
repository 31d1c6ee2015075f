import { z } from 'zod';

import { memoryMbSchema, orgIdSchema, pageSchema, textSchema, tierSchema, timeSchema } from './fields.ts';
import { limitCapsSchema } from './limit-schemas.ts';
import { DEFAULT_POOL_MB } from './limits.ts';

/** What the dispatcher lets one organization have, across all workers; obeyed within a second of a change. */
export const organizationLimitsSchema = z.strictObject({
  weight: z.number().min(0.01).max(1000).describe('share of resource-seconds relative to others, 1 by default'),
  maxConcurrency: z.int().min(1).max(100_000).nullable().describe('runs at once; null: as many as there are slots'),
  rate: z.strictObject({ runs: z.int().min(1).max(1_000_000), windowMs: z.int().min(100).max(86_400_000) }).nullable()
    .describe('starts per window'),
  maxMemoryInFlightMb: z.int().min(16).max(10_485_760).nullable().describe('container memory at once, all workers together'),
  paused: z.boolean().describe('takes runs, starts none'),
}).meta({ id: 'OrganizationLimits' });
export type OrganizationLimits = z.output<typeof organizationLimitsSchema>;

export const DEFAULT_ORGANIZATION_LIMITS: Readonly<OrganizationLimits> = Object.freeze({
  weight: 1, maxConcurrency: null, rate: null, maxMemoryInFlightMb: null, paused: false,
});

/** How long what has ended is kept, in days; what is older is removed within hours. */
export const organizationRetentionSchema = z.strictObject({
  runDays: z.int().min(1).max(3650).describe('runs, counted from their end'),
  eventDays: z.int().min(1).max(3650).describe('what runs said; never longer than the run'),
  metricDays: z.int().min(1).max(3650).describe('time series'),
});
export type OrganizationRetention = z.output<typeof organizationRetentionSchema>;

export const DEFAULT_ORGANIZATION_RETENTION: Readonly<OrganizationRetention> = Object.freeze({ runDays: 90, eventDays: 30, metricDays: 400 });

/** Body of `POST /v1/organizations` (platform admin). */
export const createOrganizationSchema = z.strictObject({
  id: orgIdSchema,
  name: textSchema.min(1).max(200).optional(),
  poolMb: z.int().min(64).max(1_048_576).default(DEFAULT_POOL_MB).describe('container memory on one worker at once, MB'),
  maxMemoryMb: memoryMbSchema.default(1024).describe('the most one run may ask for, MB'),
  minimumTier: tierSchema.default('basic'),
  caps: limitCapsSchema.default({}).describe('the most one run may ask for, limit by limit'),
  limits: organizationLimitsSchema.partial().default({}),
  retention: organizationRetentionSchema.partial().default({}),
}).meta({ id: 'CreateOrganization' });

/** Body of `PATCH /v1/organizations/{id}` (platform admin): what is given is changed. */
export const updateOrganizationSchema = z.strictObject({
  name: textSchema.min(1).max(200).optional(),
  poolMb: z.int().min(64).max(1_048_576).optional(),
  maxMemoryMb: memoryMbSchema.optional(),
  minimumTier: tierSchema.optional(),
  caps: limitCapsSchema.optional().describe('all of them: what is left out has no cap any more'),
  limits: organizationLimitsSchema.partial().optional(),
  retention: organizationRetentionSchema.partial().optional(),
}).meta({ id: 'UpdateOrganization' });
export type UpdateOrganizationRequest = z.input<typeof updateOrganizationSchema>;
export type CreateOrganizationRequest = z.input<typeof createOrganizationSchema>;

export const organizationSchema = z.strictObject({
  id: orgIdSchema,
  name: z.string(),
  poolMb: z.int(),
  maxMemoryMb: z.int(),
  minimumTier: tierSchema,
  caps: limitCapsSchema,
  limits: organizationLimitsSchema,
  retention: organizationRetentionSchema,
  createdAt: timeSchema,
}).meta({ id: 'Organization' });
export type Organization = z.output<typeof organizationSchema>;

export const organizationPageSchema = pageSchema(organizationSchema);

/** Answer of `DELETE /v1/organizations/{id}`: rows that were deleted, per table. */
export const deletedOrganizationSchema = z.strictObject({ id: orgIdSchema, rows: z.record(z.string(), z.int()) });
export type DeletedOrganization = z.output<typeof deletedOrganizationSchema>;
