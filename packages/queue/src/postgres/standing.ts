import type { Standing } from '../standing.ts';
import type { RunStatement } from './statements.ts';

/** One that is not known has nothing waiting: nobody is ahead of it. */
export async function readStanding(run: RunStatement, orgId: string): Promise<Standing> {
  const [row] = await run<{ organizations_ahead: number; in_flight_mb: number | null }>('standing', [orgId]);
  return { organizationsAhead: row?.organizations_ahead ?? 0, inFlightMb: row?.in_flight_mb ?? null };
}
