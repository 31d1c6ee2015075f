import { ALLOWED, EXAMINED, KILLED } from './syscalls.ts';

/**
 * The system call filter of a strict cell, as classic BPF (struct sock_filter: code, jump-true, jump-false, operand).
 * Guarantees: only the native architecture; what is not listed answers ENOSYS; threads may be made, processes and
 * namespaces not (EPERM); the only sockets are AF_UNIX ones, and all that they find to talk to is the egress proxy.
 * Layout of what it reads: struct seccomp_data in Linux' include/uapi/linux/seccomp.h.
 */
export type Architecture = 'x64' | 'arm64';

export const VERDICT = {
  kill: 0x8000_0000, // SECCOMP_RET_KILL_PROCESS
  allow: 0x7fff_0000,
  notThere: 0x0005_0000 | 38, // SECCOMP_RET_ERRNO, ENOSYS
  refused: 0x0005_0000 | 1, // EPERM
  noSuchFamily: 0x0005_0000 | 97, // EAFNOSUPPORT
} as const;

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

const OFFSET = { number: 0, architecture: 4, firstArgument: 16 };
const AUDIT_ARCH: Record<Architecture, number> = { x64: 0xc000_003e, arm64: 0xc000_00b7 };
/** Numbers from here on are x32: the same calls by other numbers. */
const X32_BIT = 0x4000_0000;
const CLONE_THREAD = 0x0001_0000;
/** CLONE_NEW*: time, mount, cgroup, uts, ipc, user, pid, net. */
const CLONE_NAMESPACES = 0x7e02_0080;
const AF_UNIX = 1;

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const load = (offset: number): Instruction => [LOAD, 0, 0, offset];
const give = (verdict: number): Instruction => [RETURN, 0, 0, verdict];
const when = (test: number, operand: number, then: readonly Instruction[]): Instruction[] => [[test, 0, then.length, operand], ...then];

/** The filter's bytes, as `bwrap --seccomp` reads them. */
export function assembleSeccompFilter(architecture: Architecture): Buffer {
  const column = architecture === 'x64' ? 0 : 1;
  const numbers = (table: typeof ALLOWED) => Object.values(table).flatMap((row) => row[column] ?? []);
  const each = (table: typeof ALLOWED, verdict: number) => numbers(table).flatMap((number) => when(JUMP_EQUAL, number, [give(verdict)]));
  const unixOnly = [load(OFFSET.firstArgument), ...when(JUMP_EQUAL, AF_UNIX, [give(VERDICT.allow)]), give(VERDICT.noSuchFamily)];
  const threadsOnly = [
    load(OFFSET.firstArgument),
    ...when(JUMP_ANY_BIT, CLONE_NAMESPACES, [give(VERDICT.refused)]),
    ...when(JUMP_ANY_BIT, CLONE_THREAD, [give(VERDICT.allow)]),
    give(VERDICT.refused),
  ];
  return encode([
    load(OFFSET.architecture),
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH[architecture]],
    give(VERDICT.kill),
    load(OFFSET.number),
    ...(architecture === 'x64' ? when(JUMP_AT_LEAST, X32_BIT, [give(VERDICT.kill)]) : []),
    ...each(ALLOWED, VERDICT.allow),
    ...when(JUMP_EQUAL, EXAMINED.clone[column], threadsOnly),
    ...when(JUMP_EQUAL, EXAMINED.socket[column], unixOnly),
    ...when(JUMP_EQUAL, EXAMINED.socketpair[column], unixOnly),
    ...each(KILLED, VERDICT.kill),
    give(VERDICT.notThere),
  ]);
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, ifTrue, ifFalse, operand], i) => {
    bytes.writeUInt16LE(code, i * 8);
    bytes.writeUInt8(ifTrue, i * 8 + 2);
    bytes.writeUInt8(ifFalse, i * 8 + 3);
    bytes.writeUInt32LE(operand >>> 0, i * 8 + 4);
  });
  return bytes;
}
