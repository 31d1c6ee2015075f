import type { ReactNode } from 'react';

/** The product's mark: a pen's fence. */
export function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
      <rect className="mark-ground" width="32" height="32" rx="7" />
      <path className="mark-fence" d="M7 9v14M13 9v14M19 9v14M25 9v14M5 13.5h22M5 20h22" />
    </svg>
  );
}
