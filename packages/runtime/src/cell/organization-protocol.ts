import type { SIZE_CAPS } from '@bullpen/core';
import { z } from 'zod';

import type { EngineTask } from '../engine.ts';

/**
 * What the supervisor and the cell of an organization say to each other. The other side is container/organization-cell.mjs.
 * Every frame of a container carries the nonce of its newest attempt, which no code but the cell's main thread is told.
 */
export type FrameToOrganizationCell =
  | { kind: 'start'; container: number; nonce: string; limitMb: number; caps: typeof SIZE_CAPS }
  | { kind: 'run'; container: number; nonce: string; task: EngineTask }
  | { kind: 'tell'; container: number; line: string }
  | { kind: 'measure' | 'terminate'; container: number };

/** No process has as much: whoever can write to the pipe must not spoil the sums that usage goes into. */
const MOST_MB = 16 * 1024 * 1024;
const MOST_CPU_MS = 1e12;
const reading = z.strictObject({ heapMb: z.number().min(0).max(MOST_MB), externalMb: z.number().min(-MOST_MB).max(MOST_MB), cpuMs: z.number().min(0).max(MOST_CPU_MS) });
const ownDeath = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('heap_limit') }),
  z.strictObject({ kind: z.literal('exited'), exitCode: z.int() }),
  z.strictObject({ kind: z.literal('failed'), message: z.string().max(4096) }),
]);
/** `startedAtMs`, once for each attempt: when its agent was called, by the cell's clock. */
const of = { container: z.int().min(1), nonce: z.string().max(64), startedAtMs: z.number().optional() };

const frameSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({ ...of, kind: z.literal('opened') }),
  z.strictObject({ ...of, kind: z.literal('started') }),
  z.strictObject({ ...of, kind: z.literal('said'), line: z.string() }),
  z.strictObject({ ...of, kind: z.literal('reading'), reading: reading.nullable(), dropped: z.int().min(0) }),
  z.strictObject({ ...of, kind: z.literal('reply'), text: z.string().nullable(), dropped: z.int().min(0), reading: reading.nullable(), hasSettled: z.boolean() }),
  z.strictObject({ ...of, kind: z.literal('died'), how: ownDeath, dropped: z.int().min(0) }),
  z.strictObject({ ...of, kind: z.literal('terminating') }),
  z.strictObject({ ...of, kind: z.literal('gone'), message: z.string().max(4096) }),
]);
export type FrameFromOrganizationCell = z.output<typeof frameSchema>;
export type ContainerFrame = Exclude<FrameFromOrganizationCell, { kind: 'ready' }>;

/** @throws where it is not JSON or not a frame: an agent wrote to the pipe by itself. */
export function readOrganizationFrame(json: string): FrameFromOrganizationCell {
  const frame = frameSchema.safeParse(JSON.parse(json));
  if (!frame.success) throw new Error('the cell said something that is not a frame');
  return frame.data;
}
