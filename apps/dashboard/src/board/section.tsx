import { useId, type ReactNode } from 'react';

interface SectionProps {
  title: string;
  /** Beside the title: `12 organizations`. */
  note?: ReactNode;
  /** Filters and the like, at the end of the heading's line. */
  tools?: ReactNode;
  children: ReactNode;
  className?: string;
}

export function Section({ title, note, tools, children, className = '' }: SectionProps): ReactNode {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {note !== undefined && <span className="note">{note}</span>}
        {tools !== undefined && <div className="tools">{tools}</div>}
      </div>
      {children}
    </section>
  );
}

/** Where there is nothing to show: what that means, and what to do. */
export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return <div className="empty"><p className="empty-title">{title}</p>{children}</div>;
}

/** A term and its value, in a list of facts. */
export function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return <div className="fact"><dt>{name}</dt><dd>{children}</dd></div>;
}
