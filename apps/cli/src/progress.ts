import type { Output } from './output.ts';
import { progressBar } from './text-format.ts';

const BAR_COLUMNS = 20;

/** Shows how far long work is, on the terminal's last line, until something else is said. */
export function showProgress(output: Output, fraction: number, doing: string): void {
  output.live(`${progressBar(fraction, BAR_COLUMNS)} ${String(Math.round(100 * Math.min(1, fraction))).padStart(3)} %  ${doing}`);
}
