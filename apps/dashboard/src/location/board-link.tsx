import type { MouseEvent, ReactNode } from 'react';

import type { BoardLocation } from './board-location.ts';
import { hrefOf, moveTo } from './use-board-location.ts';

interface BoardLinkProps {
  to: Partial<BoardLocation>;
  children: ReactNode;
  className?: string;
  title?: string;
}

/** A real link within the board: opens in place, or in another tab when the reader asks for that. */
export function BoardLink({ to, children, className, title }: BoardLinkProps): ReactNode {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    moveTo(to);
  };
  return <a href={hrefOf(to)} onClick={follow} className={className} title={title}>{children}</a>;
}
