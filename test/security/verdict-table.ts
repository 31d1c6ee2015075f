import { TIERS, type Tier } from '@bullpen/core';

import { publishReport } from '../services/report.ts';
import { ABUSE_CASES, type AbuseCase } from './cases.ts';

/**
 * The table of cases and tiers, with what was wanted and what was got. A cell says: `K timed_out/TIMED_OUT` where the target
 * was met, `X not defended`, `K NOT BUILT HERE` where the machine cannot build the tier, `K NOT MET: ...` else.
 */
export class VerdictTable {
  readonly #got = new Map<string, string[]>();
  readonly #notes: string[] = [];

  note({ no, targets }: AbuseCase, tier: Tier, got: string): void {
    const key = `${no}/${tier}`;
    const cell = this.#got.get(key) ?? [targets[tier]];
    if (!cell.includes(got)) cell.push(got);
    this.#got.set(key, cell);
  }

  say(line: string): void {
    this.#notes.push(line);
  }

  publish(): void {
    publishReport('security', this.#text());
  }

  #text(): string {
    const rows = ABUSE_CASES.map((one) => [String(one.no).padStart(2), one.what, ...TIERS.map((tier) => this.#cell(one, tier))]);
    const lines = [['', 'case', ...TIERS], ...rows];
    const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
    return `${[...lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()), '', ...this.#notes].join('\n')}\n`;
  }

  #cell(one: AbuseCase, tier: Tier): string {
    if (one.targets[tier] === 'X') return 'X not defended';
    return this.#got.get(`${one.no}/${tier}`)?.join(' ') ?? `${one.targets[tier]} NOT TRIED`;
  }
}
