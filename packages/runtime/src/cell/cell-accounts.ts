import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { CELL_ACCOUNT, type CellAccount } from './cell-wall.ts';

/**
 * Accounts for cells that no pid namespace keeps apart: processes of one uid may signal each other and read each other's
 * memory, whatever organization they belong to. Guarantees: no two live cells of this worker have the same uid; those of
 * other workers have others where the machine has uids enough.
 */
/** Where a container has no more ids than this: up to `nobody`. */
const FEW: UidRange = { from: CELL_ACCOUNT.uid, to: 65_534 };
/** Nobody hands these out (systemd's UIDS-GIDS.md: unused); those of /etc/subuid lie far below. */
const MANY: UidRange = { from: 0x7000_0000, to: 0x7ffe_0000 };

/** `to` is not in it. */
export interface UidRange {
  readonly from: number;
  readonly to: number;
}

export class CellAccounts {
  readonly #range: UidRange;
  readonly #taken = new Set<number>();

  constructor(range: UidRange = rangeOf(readUidMap())) {
    this.#range = range;
  }

  /** Null where all are taken. */
  take(): CellAccount {
    const { from, to } = this.#range;
    if (this.#taken.size >= to - from) return null;
    let uid = randomInt(from, to);
    while (this.#taken.has(uid)) uid = uid + 1 === to ? from : uid + 1;
    this.#taken.add(uid);
    return { uid, gid: uid };
  }

  giveBack(account: CellAccount): void {
    if (account !== null) this.#taken.delete(account.uid);
  }
}

/** @param uidMap - user_namespaces(7): lines of first uid inside, first outside, count */
export function rangeOf(uidMap: string): UidRange {
  const hasMany = uidMap.split('\n').some((line) => {
    const [first = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
    return first <= MANY.from && first + count >= MANY.to;
  });
  return hasMany ? MANY : FEW;
}

function readUidMap(): string {
  try {
    return readFileSync('/proc/self/uid_map', 'utf8');
  } catch {
    return '';
  }
}
