/**
 * What a Node process that runs one bundle may ask of the kernel, by name, with the numbers of both architectures:
 * [x86_64, arm64]; null where the architecture has no such call. Sources: Linux' asm/unistd_64.h and
 * asm-generic/unistd.h. What is in none of these lists does not exist in a strict cell (ENOSYS).
 */
type Numbers = readonly [x64: number | null, arm64: number | null];

/** Files by descriptor and path (the mounts are the wall), memory, threads, time, polling. */
export const ALLOWED: Readonly<Record<string, Numbers>> = {
  read: [0, 63], write: [1, 64], close: [3, 57], fstat: [5, 80], lseek: [8, 62], mmap: [9, 222], mprotect: [10, 226],
  munmap: [11, 215], brk: [12, 214], rt_sigaction: [13, 134], rt_sigprocmask: [14, 135], rt_sigreturn: [15, 139],
  ioctl: [16, 29], pread64: [17, 67], pwrite64: [18, 68], readv: [19, 65], writev: [20, 66], sched_yield: [24, 124],
  mremap: [25, 216], mincore: [27, 232], madvise: [28, 233], dup: [32, 23], dup3: [292, 24], nanosleep: [35, 101],
  getpid: [39, 172], connect: [42, 203], sendto: [44, 206], recvfrom: [45, 207], sendmsg: [46, 211], recvmsg: [47, 212],
  shutdown: [48, 210], getsockname: [51, 204], getpeername: [52, 205], setsockopt: [54, 208], getsockopt: [55, 209],
  execve: [59, 221], exit: [60, 93], wait4: [61, 260], kill: [62, 129], uname: [63, 160], fcntl: [72, 25],
  fsync: [74, 82], fdatasync: [75, 83], ftruncate: [77, 46], getcwd: [79, 17], chdir: [80, 49], umask: [95, 166],
  gettimeofday: [96, 169], getrlimit: [97, 163], getrusage: [98, 165], sysinfo: [99, 179], getuid: [102, 174],
  getgid: [104, 176], geteuid: [107, 175], getegid: [108, 177], getppid: [110, 173], getgroups: [115, 158],
  getresuid: [118, 148], getresgid: [120, 150], capget: [125, 90], sigaltstack: [131, 132], statfs: [137, 43],
  fstatfs: [138, 44], getpriority: [140, 141], prctl: [157, 167], arch_prctl: [158, null], gettid: [186, 178],
  tkill: [200, 130], futex: [202, 98], sched_getparam: [143, 121], sched_getscheduler: [145, 120],
  sched_getaffinity: [204, 123], getdents64: [217, 61],
  set_tid_address: [218, 96], restart_syscall: [219, 128], clock_gettime: [228, 113], clock_getres: [229, 114],
  clock_nanosleep: [230, 115], exit_group: [231, 94], epoll_ctl: [233, 21], tgkill: [234, 131], openat: [257, 56],
  mkdirat: [258, 34], newfstatat: [262, 79], unlinkat: [263, 35], readlinkat: [267, 78], faccessat: [269, 48],
  ppoll: [271, 73], set_robust_list: [273, 99], utimensat: [280, 88], epoll_pwait: [281, 22], fallocate: [285, 47],
  eventfd2: [290, 19], epoll_create1: [291, 20], pipe2: [293, 59], prlimit64: [302, 261], renameat2: [316, 276],
  getrandom: [318, 278], membarrier: [324, 283], copy_file_range: [326, 285], pkey_mprotect: [329, 288],
  pkey_alloc: [330, 289], pkey_free: [331, 290], statx: [332, 291], rseq: [334, 293], close_range: [436, 436],
  faccessat2: [439, 439],
  // The older calls that only x86_64 has.
  open: [2, null], stat: [4, null], lstat: [6, null], poll: [7, null], access: [21, null], pipe: [22, null],
  dup2: [33, null], rename: [82, null], mkdir: [83, null], rmdir: [84, null], unlink: [87, null],
  readlink: [89, null], time: [201, null], epoll_wait: [232, null],
};

/** Looking into other processes, changing the machine or the namespaces: nobody asks for these by mistake. */
export const KILLED: Readonly<Record<string, Numbers>> = {
  ptrace: [101, 117], personality: [135, 92], pivot_root: [155, 41], chroot: [161, 51], acct: [163, 89],
  settimeofday: [164, 170], mount: [165, 40], umount2: [166, 39], swapon: [167, 224], swapoff: [168, 225],
  reboot: [169, 142], init_module: [175, 105], delete_module: [176, 106], quotactl: [179, 60],
  clock_settime: [227, 112], kexec_load: [246, 104], add_key: [248, 217], request_key: [249, 218],
  keyctl: [250, 219], unshare: [272, 97], perf_event_open: [298, 241], open_by_handle_at: [304, 265],
  setns: [308, 268], process_vm_readv: [310, 270], process_vm_writev: [311, 271], kcmp: [312, 272],
  finit_module: [313, 273], kexec_file_load: [320, 294], bpf: [321, 280], userfaultfd: [323, 282],
  open_tree: [428, 428], move_mount: [429, 429], fsopen: [430, 430], fsconfig: [431, 431], fsmount: [432, 432],
  pidfd_getfd: [438, 438], mount_setattr: [442, 442],
};

/** Allowed or refused by their first argument. `clone3` hides its flags behind a pointer: ENOSYS sends libc to `clone`. */
export const EXAMINED = { clone: [56, 220], socket: [41, 198], socketpair: [53, 199] } as const satisfies Record<string, Numbers>;
