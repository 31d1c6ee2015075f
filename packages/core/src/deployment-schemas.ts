import { z } from 'zod';

import { agentNameSchema, fairnessKeySchema, nullableTimeSchema, orgIdSchema, pageSchema, slugSchema, timeSchema } from './fields.ts';

export const deploymentNameSchema = slugSchema.describe('deployment name, unique for its agent');

/** The deployment that runs take which name neither a version nor a deployment. Without it they take the newest version. */
export const DEFAULT_DEPLOYMENT = 'production';

/** When a canary is rolled back by itself. Compared are the runs of both versions that have ended since it began. */
export const canaryPolicySchema = z.strictObject({
  minSamples: z.int().min(5).max(10_000).default(30).describe('ended runs of each version before anything is said'),
  maxErrorIncrease: z.number().min(0).max(1).default(0.02).describe('of the ratio of failed runs: 0.02 is two in a hundred more'),
  maxLatencyRatio: z.number().min(1).max(100).default(1.5).describe('of the median wall times'),
  confidence: z.number().min(0.8).max(0.9999).default(0.99).describe('that a canary as good as the stable version is let live, over all looks together'),
}).meta({ id: 'CanaryPolicy' });
export type CanaryPolicy = z.output<typeof canaryPolicySchema>;

/** A second version that takes part of the runs. */
export const canarySchema = z.strictObject({
  version: z.int().positive(),
  percent: z.number().min(0).max(100).default(0).describe('of the runs; runs with a fairness key stay on one side'),
  fairnessKeys: z.array(fairnessKeySchema).max(1000).default([]).describe('whose runs always take it: chosen customers, say'),
  policy: canaryPolicySchema.nullable().prefault({}).describe('null: it is never rolled back by itself'),
});
export type Canary = z.output<typeof canarySchema>;

/** Body of `PUT /v1/agents/{name}/deployments/{deployment}`. */
export const putDeploymentSchema = z.strictObject({
  version: z.int().positive().describe('the stable version'),
  canary: canarySchema.nullable().default(null),
}).refine(({ version, canary }) => canary?.version !== version, { path: ['canary', 'version'], message: 'is the stable version: there is nothing to compare' }).meta({ id: 'PutDeployment' });
export type PutDeploymentRequest = z.input<typeof putDeploymentSchema>;
export type PutDeployment = z.output<typeof putDeploymentSchema>;

/** Body of `POST .../rollback`. */
export const rollbackSchema = z.strictObject({
  version: z.int().positive().optional().describe('an earlier version; where left out: ends the canary, or else goes back to the stable version before this one'),
});

export const CANARY_VERDICTS = ['waiting', 'healthy', 'worse'] as const;

const sampleSchema = z.strictObject({
  runs: z.int(),
  failures: z.int(),
  errorRatio: z.number().nullable(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
});

/** How a canary compares with the stable version, and what that is worth. */
export const canaryHealthSchema = z.strictObject({
  verdict: z.enum(CANARY_VERDICTS).describe('`waiting`: too few runs to say'),
  reason: z.string(),
  stable: sampleSchema,
  canary: sampleSchema,
  errorPValue: z.number().nullable().describe('chance of so many more failures if both were as good: Fisher\'s exact test, one-sided'),
  latencyPValue: z.number().nullable().describe('chance of runs so much slower if both were as fast: Mann-Whitney U, one-sided'),
  level: z.number().nullable().describe('p-values below it count; it shrinks from look to look, so that looking often finds nothing by chance'),
}).meta({ id: 'CanaryHealth' });
export type CanaryHealth = z.output<typeof canaryHealthSchema>;

export const deploymentSchema = z.strictObject({
  orgId: orgIdSchema,
  agent: agentNameSchema,
  name: deploymentNameSchema,
  version: z.int(),
  canary: canarySchema.nullable(),
  canaryStartedAt: nullableTimeSchema,
  revision: z.int().describe('grows with every change'),
  history: z.array(z.strictObject({ version: z.int(), until: timeSchema })).describe('stable versions before this one, newest first; at most twenty'),
  lastRollback: z.strictObject({ at: timeSchema, from: z.int(), to: z.int(), automatic: z.boolean(), health: canaryHealthSchema.nullable() }).nullable(),
  updatedAt: timeSchema,
}).meta({ id: 'Deployment' });
export type Deployment = z.output<typeof deploymentSchema>;
export const deploymentPageSchema = pageSchema(deploymentSchema);
