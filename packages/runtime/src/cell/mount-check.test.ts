import { describe, expect, it } from '@jest/globals';

import { strangeMounts } from './mount-check.ts';

/** As Linux 6.18 tells of a cell. */
const CELL = `98 45 0:48 /newroot / ro,nosuid,nodev,relatime - tmpfs tmpfs rw,uid=64731,gid=64731
100 98 254:0 /opt/node/bin/node /cell/node ro,nosuid,nodev,relatime - ext4 /dev/vda rw,discard
106 98 254:0 /usr/lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libc.so.6 ro,nosuid,nodev,relatime - ext4 /dev/vda rw,discard
107 98 254:0 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 /lib64/ld-linux-x86-64.so.2 ro,nosuid,nodev,relatime - ext4 /dev/vda rw,discard
108 98 254:0 /tmp/cells/container /cell/container ro,nosuid,nodev,relatime - ext4 /dev/vda rw,discard
109 98 254:0 /tmp/egress /egress ro,nosuid,nodev,relatime - ext4 /dev/vda rw,discard
111 98 254:0 /tmp/cells/bundle-a /bundle ro,nosuid,nodev,relatime - ext4 /dev/vda rw,discard
112 98 0:49 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
114 112 0:49 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
113 98 0:50 / /tmp rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=16384k,mode=755
`;

describe('the mounts of a cell', () => {
  it('are those that it needs', () => { expect(strangeMounts(CELL)).toEqual([]); });

  it('are told where one of them can be written to', () => {
    expect(strangeMounts(CELL.replace('/bundle ro,', '/bundle rw,'))).toEqual(['/bundle can be written to']);
    expect(strangeMounts(CELL.replace('/newroot / ro,', '/newroot / rw,'))).toEqual(['/ can be written to']);
    expect(strangeMounts(CELL.replace('/proc/sys ro,', '/proc/sys rw,'))).toEqual(['/proc/sys can be written to']);
  });

  it('are told where something of the machine is among them', () => {
    expect(strangeMounts(`${CELL}120 98 254:0 /etc /etc ro,relatime - ext4 /dev/vda rw\n`)).toEqual(['/etc is there']);
    expect(strangeMounts(CELL.replace('/newroot / ro,nosuid,nodev,relatime - tmpfs', '/ / ro,relatime - ext4'))).toEqual(['/ is ext4']);
    expect(strangeMounts(CELL.replace('0:50 / /tmp rw,nosuid,nodev,relatime - tmpfs', '254:0 /tmp /tmp rw,relatime - ext4'))).toEqual(['/tmp is ext4']);
  });

  it('are not known to be right where nothing is known of them', () => { expect(strangeMounts('')).toEqual(['none are known']); });
});
