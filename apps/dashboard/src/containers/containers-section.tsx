import type { RuntimeStatus } from '@bullpen/core';
import { useMemo, useState, type ReactNode } from 'react';

import { Empty, Section } from '../board/section.tsx';
import { useNarrow } from '../board/use-narrow.ts';
import { formatCount, plural } from '../format/quantity.ts';
import { matchesText } from '../organizations/organization-rows.ts';
import { containerGroups } from './container-groups.ts';
import { ContainerTable } from './container-table.tsx';

interface ContainersSectionProps {
  workers: RuntimeStatus['workers'];
  organizations: RuntimeStatus['organizations'];
  find: string;
}

const FIRST_GROUPS = { wide: 4, narrow: 2 };

/** Follows the text that organizations are filtered by. */
export function ContainersSection({ workers, organizations, find }: ContainersSectionProps): ReactNode {
  const [all, setAll] = useState(false);
  const firstGroups = useNarrow() ? FIRST_GROUPS.narrow : FIRST_GROUPS.wide;
  const groups = useMemo(() => {
    const nameOf = new Map(organizations.map(({ id, name }) => [id, name]));
    return containerGroups(workers).filter(({ orgId }) => matchesText({ id: orgId, name: nameOf.get(orgId) ?? '' }, find));
  }, [workers, organizations, find]);
  const count = groups.reduce((sum, { containers }) => sum + containers.length, 0);
  const busy = groups.reduce((sum, { containers }) => sum + containers.filter(({ state }) => state === 'busy').length, 0);
  return (
    <Section title="Containers" note={count === 0 ? '0' : `${formatCount(count)}, ${formatCount(busy)} busy, in ${plural(groups.length, 'organization')}`}>
      {groups.length === 0
        ? <Empty title={find === '' ? 'No containers yet' : `No containers of organizations like “${find}”`}><p>A container is started for an organization's run, and kept warm for the next one.</p></Empty>
        : <ContainerTable groups={all ? groups : groups.slice(0, firstGroups)} heads />}
      {groups.length > firstGroups && (
        <button type="button" className="button show-all" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? `Show the first ${firstGroups} organizations` : `Show the containers of all ${formatCount(groups.length)} organizations`}
        </button>
      )}
    </Section>
  );
}
