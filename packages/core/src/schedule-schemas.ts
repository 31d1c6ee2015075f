import { z } from 'zod';

import { nullableTimeSchema, orgIdSchema, pageSchema, slugSchema, timeSchema } from './fields.ts';
import { createRunSchema } from './run-schemas.ts';
import { CATCH_UP_POLICIES, OVERLAP_POLICIES } from './schedules/fire-plan.ts';

const DAY_MS = 86_400_000;

/** So that one organization cannot make the schedulers late for all others. */
export const MAX_SCHEDULES_PER_ORGANIZATION = 10_000;

export const scheduleNameSchema = slugSchema.describe('schedule name, unique in its organization');

/** What a schedule makes: the body of `POST /v1/runs` without a delay. */
export const scheduledRunSchema = createRunSchema.omit({ delayMs: true });
export type ScheduledRun = z.output<typeof scheduledRunSchema>;

const timingFields = {
  cron: z.string().min(1).max(200).optional()
    .describe('minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly'),
  timeZone: z.string().min(1).max(64).optional().describe('IANA name, of a cron expression; UTC where left out'),
  intervalMs: z.int().min(1000).max(366 * DAY_MS).optional().describe('instead of cron: so long from start to start, ms'),
};
const policyFields = {
  overlap: z.enum(OVERLAP_POLICIES).describe('when the last run has not ended: run beside it, not at all, or one after it'),
  catchUp: z.enum(CATCH_UP_POLICIES).describe('of the times missed while no worker was alive: run none, the last, or all'),
  maxCatchUp: z.int().min(1).max(1000).describe('with `all`: the newest so many'),
};
const windowFields = {
  startAt: nullableTimeSchema.describe('no run before it; an interval starts at it'),
  endAt: nullableTimeSchema.describe('no run at it or after it'),
};

/** Body of `POST /v1/schedules`. Exactly one of `cron` and `intervalMs`. */
export const createScheduleSchema = z.strictObject({
  name: scheduleNameSchema,
  run: scheduledRunSchema,
  ...timingFields,
  startAt: windowFields.startAt.default(null),
  endAt: windowFields.endAt.default(null),
  overlap: policyFields.overlap.default('skip'),
  catchUp: policyFields.catchUp.default('last'),
  maxCatchUp: policyFields.maxCatchUp.default(10),
  paused: z.boolean().default(false),
}).meta({ id: 'CreateSchedule' });
export type CreateScheduleRequest = z.input<typeof createScheduleSchema>;
export type CreateSchedule = z.output<typeof createScheduleSchema>;

/** Body of `PATCH /v1/schedules/{name}`: what is left out stays. `cron` takes the place of `intervalMs` and the other way round. */
export const changeScheduleSchema = z.strictObject({
  run: scheduledRunSchema, ...timingFields, ...windowFields, ...policyFields, paused: z.boolean(),
}).partial();
export type ChangeScheduleRequest = z.input<typeof changeScheduleSchema>;
export type ChangeSchedule = z.output<typeof changeScheduleSchema>;

export const previewCountSchema = z.coerce.number().int().min(1).max(100).default(5);

/** Body of `POST /v1/schedules/preview`. */
export const previewScheduleSchema = z.strictObject({
  ...timingFields,
  startAt: windowFields.startAt.default(null),
  endAt: windowFields.endAt.default(null),
  count: previewCountSchema,
});
export type PreviewScheduleRequest = z.input<typeof previewScheduleSchema>;

export const schedulePreviewSchema = z.strictObject({ times: z.array(timeSchema) }).meta({ id: 'SchedulePreview' });
export type SchedulePreview = z.output<typeof schedulePreviewSchema>;

export const scheduleSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  name: scheduleNameSchema,
  run: scheduledRunSchema,
  cron: z.string().nullable(),
  timeZone: z.string().nullable().describe('null with an interval'),
  intervalMs: z.int().nullable(),
  ...windowFields,
  ...policyFields,
  paused: z.boolean(),
  nextAt: nullableTimeSchema.describe('null: paused, or it has ended'),
  pendingAt: nullableTimeSchema.describe('with `queue_one`: the time whose run waits for the last one to end'),
  lastAt: nullableTimeSchema.describe('the time of its last run'),
  lastRunId: z.string().nullable(),
  lastError: z.strictObject({ code: z.string(), message: z.string(), at: timeSchema }).nullable()
    .describe('why the newest time made no run; null once one did'),
  timedAt: timeSchema.describe('when its timing was set: what an interval without startAt counts from'),
  createdAt: timeSchema,
}).meta({ id: 'Schedule' });
export type Schedule = z.output<typeof scheduleSchema>;
export type ScheduleError = NonNullable<Schedule['lastError']>;

/** A schedule in a list: without the input of its runs. */
export const scheduleSummarySchema = scheduleSchema.extend({ run: scheduledRunSchema.omit({ input: true }) });
export type ScheduleSummary = z.output<typeof scheduleSummarySchema>;

export const schedulePageSchema = pageSchema(scheduleSummarySchema);
export type SchedulePage = z.output<typeof schedulePageSchema>;
