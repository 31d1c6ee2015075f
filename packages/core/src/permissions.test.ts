import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';

import { KEY_ROLES, may, ORGANIZATION_ROLES, PERMISSIONS, renderPermissionTable, type Permission } from './permissions.ts';

const all = Object.keys(PERMISSIONS) as Permission[];

describe('the table of permissions', () => {
  it('stands in docs/roles.md as it stands here', () => {
    expect(readFileSync(new URL('../../../docs/roles.md', import.meta.url), 'utf8')).toContain(renderPermissionTable());
  });

  it('gives each role all that the one before it has, and the admin everything', () => {
    KEY_ROLES.slice(1).forEach((role, index) => {
      const lower = KEY_ROLES[index] ?? 'viewer';
      for (const permission of all) expect(may(lower, permission) && !may(role, permission)).toBe(false);
    });
    expect(all.every((permission) => may('admin', permission))).toBe(true);
  });

  it('lets no role of an organization at the platform, nor a viewer write', () => {
    for (const role of ORGANIZATION_ROLES) expect(all.filter((one) => one.startsWith('platform:') && may(role, one))).toEqual([]);
    expect(all.filter((one) => !one.endsWith(':read') && may('viewer', one))).toEqual([]);
  });
});
