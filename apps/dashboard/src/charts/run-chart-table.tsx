import { useState, type ReactNode } from 'react';

import { formatHourMinute } from '../format/moment.ts';
import { formatCount } from '../format/quantity.ts';
import type { RunBucket } from './run-buckets.ts';

/** The chart's values as a table, newest first; its rows are made only while it is open. */
export function RunChartTable({ buckets }: { buckets: readonly RunBucket[] }): ReactNode {
  const [open, setOpen] = useState(false);
  return (
    <details className="chart-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Values as a table</summary>
      {open && (
        <div className="chart-table-scroll" tabIndex={0} role="region" aria-label="Finished runs over time, as a table">
          <table>
            <thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Succeeded</th><th scope="col">Failed</th></tr></thead>
            <tbody>
              {buckets.toReversed().map(({ fromMs, toMs, succeeded, failed }) => (
                <tr key={fromMs}>
                  <th scope="row">{formatHourMinute(fromMs)}</th><td>{formatHourMinute(toMs)}</td>
                  <td>{formatCount(succeeded)}</td><td>{formatCount(failed)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
