import { BullpenError } from '@bullpen/core';

/** Where a Redis is: one server, a master that Sentinels know, or a cluster. Plain data: it travels to the lease thread. */
export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the Sentinels, or some nodes of the cluster. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** What the Sentinels call the master. */
  readonly masterName?: string;
  readonly username?: string;
  readonly password?: string;
  /** Of the Sentinels, where they want one. */
  readonly sentinelPassword?: string;
  readonly db: number;
  readonly isTls: boolean;
}

const KINDS: Readonly<Record<string, RedisAddress['kind']>> = { '': 'single', '+sentinel': 'sentinel', '+cluster': 'cluster' };
const DEFAULT_PORTS = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;
const PATTERN = /^redis(?<tls>s?)(?<kind>\+sentinel|\+cluster|):\/\/(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^/?]+)(?:\/(?<path>[^?]*))?(?:\?(?<query>.*))?$/;

/**
 * Reads `redis://[user:password@]host[:port][/db]`, `redis+cluster://[...@]host:port,host:port` and
 * `redis+sentinel://[...@]host:port,host:port/master[/db][?sentinelPassword=]`; `rediss` speaks TLS. Several hosts without
 * a kind are a cluster's. Names and passwords are percent-encoded.
 * @throws BullpenError CONFIG_INVALID, without the URL, which may hold a password
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = PATTERN.exec(url)?.groups;
  const nodes = parts?.hosts?.split(',').map((host) => readHost(host, DEFAULT_PORTS[KINDS[parts.kind ?? ''] ?? 'single']));
  if (!parts || !nodes || nodes.includes(null)) throw invalid('a Redis URL is redis://host:port/db, redis+cluster://host:port,... or redis+sentinel://host:port,.../master');
  const written = KINDS[parts.kind ?? ''] ?? 'single';
  const kind = written === 'single' && nodes.length > 1 ? 'cluster' : written;
  const path = (parts.path ?? '').split('/').filter((part) => part !== '').map(decodeURIComponent);
  const masterName = kind === 'sentinel' ? path.shift() : undefined;
  if (kind === 'sentinel' && !masterName) throw invalid('a redis+sentinel:// URL names the master: redis+sentinel://host:port,.../master');
  const db = Number(path[0] ?? 0);
  if (path.length > 1 || !Number.isInteger(db) || db < 0) throw invalid('the database of a Redis URL is a number');
  if (kind === 'cluster' && db !== 0) throw invalid('a Redis Cluster has database 0 only');
  const sentinelPassword = new URLSearchParams(parts.query ?? '').get('sentinelPassword');
  return {
    kind,
    nodes: nodes.filter((node) => node !== null),
    db,
    isTls: parts.tls === 's',
    ...(masterName ? { masterName } : {}),
    ...(parts.user ? { username: decodeURIComponent(parts.user) } : {}),
    ...(parts.password ? { password: decodeURIComponent(parts.password) } : {}),
    ...(sentinelPassword ? { sentinelPassword } : {}),
  };
}

function readHost(text: string, defaultPort: number): { host: string; port: number } | null {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? null : { host, port: port === undefined ? defaultPort : Number(port) };
}

function invalid(message: string): BullpenError {
  return new BullpenError('CONFIG_INVALID', message);
}
