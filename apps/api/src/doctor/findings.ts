import { DOCTOR_CHECKS, type DoctorCheckName, type DoctorFinding } from '@bullpen/core';

export interface Fault {
  readonly orgId: string;
  readonly runId: string;
  readonly detail: string;
}

const EXAMPLES = 10;

/** What each check found and what was done about it, with the first of each kind. */
export class Findings {
  readonly #found = new Map<DoctorCheckName, { found: number; repaired: number; examples: Fault[] }>();

  /** @param repaired - how many of them are no fault any more */
  add(name: DoctorCheckName, faults: readonly Fault[], repaired: number): void {
    const known = this.#found.get(name) ?? { found: 0, repaired: 0, examples: [] };
    known.found += faults.length;
    known.repaired += repaired;
    known.examples.push(...faults.slice(0, EXAMPLES - known.examples.length));
    this.#found.set(name, known);
  }

  list(): DoctorFinding[] {
    return (Object.keys(DOCTOR_CHECKS) as DoctorCheckName[]).map((name) => {
      const { found, repaired, examples } = this.#found.get(name) ?? { found: 0, repaired: 0, examples: [] };
      return { name, meaning: DOCTOR_CHECKS[name], found, repaired, examples };
    });
  }

  /** `worker_gone` mends itself: the lease ends, and another worker takes the run. */
  get isSound(): boolean {
    return this.list().every(({ name, found, repaired }) => found === repaired || name === 'worker_gone');
  }
}
