/**
 * Who may do what: the one table. An organization's roles form a ladder, each with all that the one before it may do;
 * the platform's `admin` stands beside it, belongs to no organization, and may do everything in each.
 */
export const ORGANIZATION_ROLES = ['viewer', 'operator', 'developer', 'owner'] as const;
export type OrganizationRole = (typeof ORGANIZATION_ROLES)[number];

export const KEY_ROLES = [...ORGANIZATION_ROLES, 'admin'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

interface PermissionSpec {
  /** The lowest role that has it. */
  readonly from: KeyRole;
  readonly meaning: string;
}

export const PERMISSIONS = {
  'self:read': { from: 'viewer', meaning: 'see what the key itself is' },
  'runs:read': { from: 'viewer', meaning: 'see runs, their inputs, results, events and logs' },
  'runs:operate': { from: 'operator', meaning: 'cancel and replay runs' },
  'runs:create': { from: 'developer', meaning: 'start runs' },
  'agents:read': { from: 'viewer', meaning: 'see agents, versions and deployments' },
  'agents:write': { from: 'developer', meaning: 'upload versions, deploy them' },
  'agents:operate': { from: 'operator', meaning: 'roll a deployment back' },
  'schedules:read': { from: 'viewer', meaning: 'see schedules' },
  'schedules:write': { from: 'developer', meaning: 'make, change and delete schedules' },
  'organization:read': { from: 'viewer', meaning: 'see the organization, its usage and its alerts' },
  'organization:write': { from: 'owner', meaning: 'change what the organization may set for itself' },
  'alerts:read': { from: 'viewer', meaning: 'see alerts, their rules and silences' },
  'alerts:operate': { from: 'operator', meaning: 'acknowledge and silence alerts' },
  'alerts:write': { from: 'developer', meaning: 'make, switch and delete alert rules' },
  'secrets:read': { from: 'viewer', meaning: 'see names of secrets, never their values' },
  'secrets:write': { from: 'developer', meaning: 'set and delete secrets' },
  'webhooks:read': { from: 'viewer', meaning: 'see webhooks and their deliveries' },
  'webhooks:write': { from: 'developer', meaning: 'make, change and delete webhooks' },
  'webhooks:operate': { from: 'operator', meaning: 'test webhooks, send deliveries again' },
  'triggers:read': { from: 'viewer', meaning: 'see triggers, never their URLs and secrets' },
  'triggers:write': { from: 'developer', meaning: 'make, change and delete triggers' },
  'keys:read': { from: 'owner', meaning: 'see keys, never their secrets' },
  'keys:write': { from: 'owner', meaning: 'make, rotate and revoke keys' },
  'audit:read': { from: 'owner', meaning: 'see who changed what' },
  'platform:read': { from: 'admin', meaning: 'see all organizations, workers and the whole runtime' },
  'platform:write': { from: 'admin', meaning: 'make and change organizations, operate the runtime' },
} as const satisfies Record<string, PermissionSpec>;

export type Permission = keyof typeof PERMISSIONS;

/** True where a key of `role` has `permission`. */
export function may(role: KeyRole, permission: Permission): boolean {
  return KEY_ROLES.indexOf(role) >= KEY_ROLES.indexOf(PERMISSIONS[permission].from);
}

/** The table of docs/roles.md: generated, and compared by a test. */
export function renderPermissionTable(): string {
  const rows = Object.entries(PERMISSIONS).map(([name, { meaning }]) => {
    const marks = KEY_ROLES.map((role) => (may(role, name as Permission) ? 'yes' : ''));
    return `| \`${name}\` | ${meaning} | ${marks.join(' | ')} |`;
  });
  return [`| permission | to | ${KEY_ROLES.join(' | ')} |`, `| --- | --- |${' --- |'.repeat(KEY_ROLES.length)}`, ...rows].join('\n');
}
