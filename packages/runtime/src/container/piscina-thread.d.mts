import type { EngineTask } from '../engine.ts';
import type { Reading } from '../usage-meter.ts';
import type { OwnDeath } from '../verdict.ts';

export interface PiscinaThreadOptions {
  readonly limitMb: number;
  readonly caps: object;
  /** The script of the thread, made of entry.mjs. */
  readonly entryPath: string;
  /** Has the flags of this process, its permission model among them. */
  readonly inherits?: boolean;
  readonly onLine: (line: unknown) => void;
  readonly onFault: (error: unknown) => void;
}

/** See piscina-thread.mjs. Packages that are checked without JavaScript read its types here. */
export class PiscinaThread {
  constructor(options: PiscinaThreadOptions);
  readonly gone: Promise<void>;
  readonly hasExited: boolean;
  readonly droppedEvents: number;
  /** After a reply: what the thread read of itself. */
  get finalReading(): Reading;
  /** When the agent of this attempt was called, by the thread's clock, ms since the epoch; 0 before. */
  readonly startedAtMs: number;
  /** After a reply, asked once: whether the attempt left nothing behind. False: a line will tell. */
  hasSettled(): boolean;
  /** What went wrong last. */
  readonly fault: string;
  opened(): Promise<void>;
  run(task: EngineTask, kill?: AbortSignal): Promise<unknown>;
  read(): Promise<Reading>;
  tell(line: string): void;
  drain(): void;
  terminate(): Promise<void>;
}

export function deathOfThread(error: unknown): OwnDeath;
