import { z } from 'zod';

import { egressManifestSchema } from './egress-schemas.ts';
import {
  agentNameSchema, backoffSchema, maxAttemptsSchema, memoryMbSchema, orgIdSchema, pageSchema, sha256Schema, textSchema, tierSchema, timeSchema,
  timeoutMsSchema,
} from './fields.ts';
import { limitCapsSchema, runLimitsSchema } from './limit-schemas.ts';
import { SECRET_BOUNDS, secretNameSchema } from './secret-schemas.ts';

const MOST_SCHEMA_CHARACTERS = 64 * 1024;

/** A JSON schema (draft 2020-12) without references beyond itself. */
const jsonSchemaSchema = z.record(z.string(), z.unknown())
  .refine((schema) => JSON.stringify(schema).length <= MOST_SCHEMA_CHARACTERS, `at most ${MOST_SCHEMA_CHARACTERS} characters of JSON`);

/** What an agent version asks for; a run may override it within the organization's caps. */
export const agentManifestSchema = z.strictObject({
  description: textSchema.max(500).optional(),
  tier: tierSchema.optional(),
  timeoutMs: timeoutMsSchema.optional(),
  memoryMb: memoryMbSchema.optional(),
  limits: runLimitsSchema.optional().describe('of an attempt, where the run does not say otherwise'),
  caps: limitCapsSchema.optional().describe('the most that a run of this version may ask for'),
  concurrency: z.int().min(1).max(100_000).optional().describe('runs of this version at once, over all workers; as many as there are slots where left out'),
  maxAttempts: maxAttemptsSchema.optional(),
  backoff: backoffSchema.optional(),
  secrets: z.array(secretNameSchema).max(SECRET_BOUNDS.perVersion).optional().describe('what ctx.secrets may give its runs; none where left out'),
  egress: egressManifestSchema.optional().describe('where its runs may connect to; nowhere where left out'),
  inputSchema: jsonSchemaSchema.optional().describe('JSON schema (2020-12) of the input, checked when a run is posted'),
  outputSchema: jsonSchemaSchema.optional().describe('JSON schema (2020-12) of the result, checked when the agent has returned'),
}).meta({ id: 'AgentManifest' });
export type AgentManifest = z.output<typeof agentManifestSchema>;
/** As an author writes it: what has a default may be left out. */
export type AgentManifestInput = z.input<typeof agentManifestSchema>;

/** Body of `POST /v1/agents/{name}/versions`. */
export const createVersionSchema = z.strictObject({
  manifest: agentManifestSchema.default({}),
  bundle: z.string().min(1).describe('one ES module as text, whose default export is the agent; at most 8 MiB'),
  sha256: sha256Schema.optional().describe('of the bundle\'s UTF-8 bytes, checked where given'),
}).meta({ id: 'CreateVersion' });
export type CreateVersionRequest = z.input<typeof createVersionSchema>;

export const agentVersionSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  agent: agentNameSchema,
  version: z.int().positive(),
  sha256: sha256Schema,
  bundleBytes: z.int(),
  manifest: agentManifestSchema,
  createdAt: timeSchema,
}).meta({ id: 'AgentVersion' });
export type AgentVersion = z.output<typeof agentVersionSchema>;

export const agentSchema = z.strictObject({
  orgId: orgIdSchema,
  name: agentNameSchema,
  latestVersion: z.int().nullable(),
  createdAt: timeSchema,
}).meta({ id: 'Agent' });
export type Agent = z.output<typeof agentSchema>;

export const agentPageSchema = pageSchema(agentSchema);
export const versionPageSchema = pageSchema(agentVersionSchema);
