import type { EgressManifest, EgressRule } from './egress-schemas.ts';

/** What an agent wants to reach, with names as `URL` writes them: lower-case, in ASCII, addresses in their one form. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  /** Null for a CONNECT tunnel: what goes through it cannot be seen. */
  readonly method: string | null;
}

/**
 * The first rule that allows the destination, or null. A rule that looks at methods or adds headers allows no tunnel, and
 * a wildcard never stands for a part of an address.
 */
export function findRule(manifest: EgressManifest, destination: Destination): EgressRule | null {
  return manifest.allow.find((rule) => allows(rule, destination)) ?? null;
}

function allows(rule: EgressRule, { host, port, method }: Destination): boolean {
  if (!rule.ports.includes(port) || !matchesHost(rule.host, host)) return false;
  if (method === null) return rule.methods === undefined && rule.headers === undefined;
  return rule.methods === undefined || rule.methods.includes(method);
}

function matchesHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (!pattern.includes('*') || isAddress(host)) return false;
  const wanted = pattern.split('.');
  const labels = host.split('.');
  return wanted.length === labels.length && wanted.every((label, i) => label === '*' ? labels[i] !== '' : label === labels[i]);
}

function isAddress(host: string): boolean {
  return /^\d+(\.\d+){3}$/.test(host) || host.startsWith('[');
}

/** Host and port of a URL; one dot at the end of a name says nothing that a name without it does not. */
export function destinationOf(url: URL, method: string | null): Destination {
  const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port);
  return { host: url.hostname.replace(/\.$/, ''), port, method };
}
