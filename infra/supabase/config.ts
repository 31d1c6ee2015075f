export type DeployConfig = { databaseUrl: string; isDryRun: boolean } | { problem: string };

const USAGE = 'usage: DATABASE_URL=postgres://... infra/deploy-runtime.sh [--dry-run]';

/** The address comes from the environment, so that its password stands in no list of processes. */
export function loadDeployConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env): DeployConfig {
  const unknown = args.filter((arg) => arg !== '--dry-run');
  if (unknown.length > 0) return { problem: `unknown: ${unknown.join(' ')}\n${USAGE}` };
  const databaseUrl = env['DATABASE_URL'];
  if (!databaseUrl) return { problem: `DATABASE_URL is not set\n${USAGE}` };
  return { databaseUrl, isDryRun: args.includes('--dry-run') };
}
