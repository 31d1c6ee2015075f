import { describe, expect, it } from '@jest/globals';

import { VERDICT, assembleSeccompFilter, type Architecture } from './seccomp-filter.ts';

const AUDIT = { x64: 0xc000_003e, arm64: 0xc000_00b7 };

/** The kernel's interpreter, as far as the filter needs it. */
function verdictOf(architecture: Architecture, call: { number: number; argument?: number; as?: number }): number {
  const program = assembleSeccompFilter(architecture);
  const data: Record<number, number> = { 0: call.number, 4: call.as ?? AUDIT[architecture], 16: call.argument ?? 0 };
  let loaded = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const operand = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean) => { at += program.readUInt8(at * 8 + (holds ? 2 : 3)); };
    switch (program.readUInt16LE(at * 8)) {
      case 0x20: loaded = data[operand] ?? 0; break;
      case 0x15: jump(loaded === operand); break;
      case 0x35: jump(loaded >= operand); break;
      case 0x45: jump((loaded & operand) !== 0); break;
      case 0x06: return operand;
      default: throw new Error('an instruction that the filter does not use');
    }
  }
  throw new Error('the filter ran past its end');
}

describe('the system call filter', () => {
  it.each([
    ['x64', { read: 0, futex: 202, ptrace: 101, bpf: 321, uring: 425, clone: 56, clone3: 435, fork: 57, socket: 41, memfd: 319 }],
    ['arm64', { read: 63, futex: 98, ptrace: 117, bpf: 280, uring: 425, clone: 220, clone3: 435, fork: 9999, socket: 198, memfd: 279 }],
  ] as const)('lets a Node process on %s live, and nothing else', (architecture, numbers) => {
    const verdict = (number: number, argument = 0) => verdictOf(architecture, { number, argument });
    for (const name of ['read', 'futex'] as const) expect(verdict(numbers[name])).toBe(VERDICT.allow);
    for (const name of ['ptrace', 'bpf'] as const) expect(verdict(numbers[name])).toBe(VERDICT.kill);
    for (const name of ['uring', 'clone3', 'fork', 'memfd'] as const) expect(verdict(numbers[name])).toBe(VERDICT.notThere);
    expect(verdict(numbers.clone, 0x003d_0f00)).toBe(VERDICT.allow); // what pthread_create asks for
    expect(verdict(numbers.clone, 0x0120_0011)).toBe(VERDICT.refused); // fork
    expect(verdict(numbers.clone, 0x1001_0000)).toBe(VERDICT.refused); // a thread with a new user namespace
    expect(verdict(numbers.socket, 1)).toBe(VERDICT.allow);
    for (const family of [2, 10, 16, 17, 40]) expect(verdict(numbers.socket, family)).toBe(VERDICT.noSuchFamily);
  });

  it('kills what calls by another architecture or by x32', () => {
    expect(verdictOf('x64', { number: 0, as: AUDIT.arm64 })).toBe(VERDICT.kill);
    expect(verdictOf('x64', { number: 0, as: 0x4000_0003 })).toBe(VERDICT.kill);
    expect(verdictOf('x64', { number: 0x4000_0000 })).toBe(VERDICT.kill);
  });
});
