import type { ReactNode } from 'react';

import { Mark } from './mark.tsx';

/** Before the first answer. */
export function Loading(): ReactNode {
  return <main className="without-data" aria-busy="true"><Mark /><p role="status">Loading the runtime's state…</p></main>;
}

/** No answer has ever come; the polls go on meanwhile. */
export function Unreachable({ reason, onRetry }: { reason: string; onRetry: () => void }): ReactNode {
  return (
    <main className="without-data">
      <Mark />
      <h1>No data yet</h1>
      <p role="alert">{reason}</p>
      <p className="hint">The board tries again every two seconds. Is the API process running?</p>
      <button type="button" className="button" onClick={onRetry}>Try now</button>
    </main>
  );
}
