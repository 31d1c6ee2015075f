import type { ReactNode } from 'react';

import { moveTo } from '../location/use-board-location.ts';

/** Filters organizations, and with them the containers, by text. */
export function FindField({ find }: { find: string }): ReactNode {
  return (
    <input
      className="find" type="search" placeholder="Find an organization" aria-label="Find an organization" value={find} spellCheck={false}
      onChange={(event) => moveTo({ find: event.target.value }, 'replace')}
    />
  );
}
