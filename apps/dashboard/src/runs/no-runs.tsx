import type { ReactNode } from 'react';

import { Empty } from '../board/section.tsx';

export function NoRuns(): ReactNode {
  return (
    <Empty title="No runs yet">
      <p>Write an agent, deploy it, run it: <code>npx bullpen init my-agent</code>, <code>npx bullpen deploy my-agent</code>, <code>npx bullpen run my-agent</code></p>
    </Empty>
  );
}
