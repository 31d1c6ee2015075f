import { useEffect, useId, useRef, type ReactNode } from 'react';

interface DrawerProps {
  /** What is open; a change moves the focus to the new heading. */
  subject: string;
  kind: string;
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/**
 * The detail of one thing, beside the board (over all of it on a narrow screen). Not modal: the tables behind stay in
 * reach, so that one can go through failed runs one by one. Escape closes it and gives the focus back.
 */
export function Drawer({ subject, kind, title, onClose, children }: DrawerProps): ReactNode {
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  useFocusOn(heading, subject);
  useEscape(onClose);
  return (
    <aside className="drawer" role="dialog" aria-labelledby={id}>
      <div className="drawer-head">
        <div>
          <span className="drawer-kind">{kind}</span>
          <h2 id={id} ref={heading} tabIndex={-1}>{title}</h2>
        </div>
        <button type="button" className="button quiet" onClick={onClose} aria-label={`Close the ${kind.toLowerCase()}`}>Close</button>
      </div>
      <div className="drawer-body">{children}</div>
    </aside>
  );
}

function useFocusOn(heading: { current: HTMLElement | null }, subject: string): void {
  const opener = useRef<Element | null>(null);
  useEffect(() => {
    opener.current = document.activeElement;
    return () => { if (opener.current instanceof HTMLElement) opener.current.focus({ preventScroll: true }); };
  }, []);
  useEffect(() => heading.current?.focus({ preventScroll: true }), [heading, subject]);
}

function useEscape(onClose: () => void): void {
  const latest = useRef(onClose);
  useEffect(() => { latest.current = onClose; });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => { if (event.key === 'Escape' && !event.defaultPrevented) latest.current(); };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
}
