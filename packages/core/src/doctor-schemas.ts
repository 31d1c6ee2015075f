import { z } from 'zod';

import { orgIdSchema, timeSchema } from './fields.ts';

/** What the doctor looks for, and what it does about it. */
export const DOCTOR_CHECKS = {
  waiting_without_job: 'runs that wait in Postgres and are in no queue: lost; each gets its job',
  running_without_job: 'runs that run in Postgres and are in no queue: lost; each is queued again, its attempt given back',
  job_without_row: 'jobs whose run is not in Postgres: leaked; each is removed',
  job_of_ended_run: 'waiting jobs whose run has ended: leaked; each is removed',
  job_twice: 'jobs that are in more than one list or queue: duplicated; each is removed where it only waits, its run gets one job',
  worker_gone: 'runs of workers that are not heard of any more: their lease gives them to another worker when it ends',
} as const;
export type DoctorCheckName = keyof typeof DOCTOR_CHECKS;

/** Body of `POST /api/admin/doctor`. */
export const doctorRequestSchema = z.strictObject({
  repair: z.boolean().default(true).describe('false: only look'),
});

export const doctorFindingSchema = z.strictObject({
  name: z.enum(Object.keys(DOCTOR_CHECKS) as [DoctorCheckName, ...DoctorCheckName[]]),
  meaning: z.string(),
  found: z.int(),
  repaired: z.int(),
  examples: z.array(z.strictObject({ orgId: orgIdSchema, runId: z.string(), detail: z.string() })).describe('the first ten'),
});
export type DoctorFinding = z.output<typeof doctorFindingSchema>;

export const doctorReportSchema = z.strictObject({
  at: timeSchema,
  tookMs: z.number(),
  rows: z.int().describe('runs compared that had not ended'),
  jobs: z.int(),
  organizations: z.int(),
  isSound: z.boolean().describe('nothing was found that is still there'),
  findings: z.array(doctorFindingSchema),
});
export type DoctorReport = z.output<typeof doctorReportSchema>;

/** What an operator has a worker kill. */
export const killMessageSchema = z.union([
  z.strictObject({ containerId: z.string() }),
  z.strictObject({ orgId: z.string(), runId: z.string() }),
]);
export type KillMessage = z.output<typeof killMessageSchema>;

/** Answer to an operator's kill: who was told. The run's receipt says what became of it. */
export const killOrderSchema = z.strictObject({
  workerId: z.string(),
  containerId: z.string().nullable(),
  orgId: orgIdSchema,
  runId: z.string().nullable(),
});
export type KillOrder = z.output<typeof killOrderSchema>;
