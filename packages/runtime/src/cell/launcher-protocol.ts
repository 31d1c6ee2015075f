import type { CellAccount } from './cell-wall.ts';

/** What a worker and its launcher say to each other: by Node's channel, since both are ours and neither runs an agent. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly account: CellAccount;
}

/** A cell's process. Its descriptors 3 and 4 become pipes to the worker. */
export interface LaunchOrder extends Program {
  /** In a process group of its own. */
  readonly leadsGroup: boolean;
  /** Whether something is told on descriptor 5. */
  readonly tellsInfo: boolean;
  /** A file to read from descriptor 6, or null. */
  readonly filterPath: string | null;
}

export type ToLauncher =
  | { readonly kind: 'launch'; readonly id: number; readonly order: LaunchOrder }
  | { readonly kind: 'run'; readonly id: number; readonly program: Program };

export type FromLauncher =
  /** With the pipe to descriptor 3. */
  | { readonly kind: 'input'; readonly id: number; readonly pid: number }
  /** With the pipe from descriptor 4. */
  | { readonly kind: 'output'; readonly id: number }
  /** Told on descriptor 5. */
  | { readonly kind: 'info'; readonly id: number; readonly text: string }
  /** The process has ended; what it started may still hold its pipes. */
  | { readonly kind: 'exited'; readonly id: number }
  /** Nobody holds its pipes any more. The last that was written to stderr; null for the code of one that was killed. */
  | { readonly kind: 'closed'; readonly id: number; readonly exitCode: number | null; readonly lastWords: string }
  | { readonly kind: 'ran'; readonly id: number; readonly problem: string | null };
