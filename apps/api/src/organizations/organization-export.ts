import type { Database } from '@bullpen/db';
import { exportOrganization } from '@bullpen/db';
import type { Response } from 'express';

import { drained } from '../http/drained.ts';

const LONGEST_STALL_MS = 60_000;

/**
 * Sends all that an organization has as lines of JSON, `{"table", "row"}` each, and at the end `{"end": true, "rows"}`: a file
 * without that line is not whole. A slow client is waited for, one that takes nothing for a minute is let go of: a connection
 * to Postgres waits with it.
 */
export async function sendExport(db: Database, orgId: string, res: Response): Promise<void> {
  res.status(200).setHeader('Content-Type', 'application/x-ndjson; charset=utf-8');
  res.setHeader('Content-Disposition', `attachment; filename="${orgId}.ndjson"`);
  res.setHeader('Cache-Control', 'no-store');
  const write = async (text: string) => {
    if (res.destroyed) throw new Error('the client went away');
    if (!res.write(text)) await drainedInTime(res);
  };
  try {
    const rows = await exportOrganization(db, orgId, (page) => write(page.map((line) => `${JSON.stringify(line)}\n`).join('')));
    res.end(`${JSON.stringify({ end: true, rows })}\n`);
  } catch (error) {
    // The head is sent: that the last line is missing is all that can still be said.
    res.destroy(error as Error);
  }
}

async function drainedInTime(res: Response): Promise<void> {
  const stalled = setTimeout(() => res.destroy(), LONGEST_STALL_MS);
  await drained(res);
  clearTimeout(stalled);
}
