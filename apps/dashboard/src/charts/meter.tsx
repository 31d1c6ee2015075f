import type { ReactNode } from 'react';

export interface MeterPart {
  value: number;
  /** A class of styles/charts.css: `used`, `used-too`. */
  kind: 'used' | 'used-too';
}

interface MeterProps {
  parts: readonly MeterPart[];
  of: number;
  /** The figures in words; they also stand beside the bar, so the bar is never the only bearer. */
  label: string;
}

/** A bar of parts of a whole. Beyond 85 % it takes the colour of a warning. */
export function Meter({ parts, of, label }: MeterProps): ReactNode {
  const whole = Math.max(of, Number.EPSILON);
  const used = parts.reduce((sum, part) => sum + part.value, 0);
  let left = 0;
  const rects = parts.map((part, index) => {
    const width = Math.min(100 - left, (part.value / whole) * 100);
    const rect = <rect key={index} className={`meter-${part.kind}`} x={left} y={0} width={Math.max(0, width)} height={6} />;
    left += Math.max(0, width);
    return rect;
  });
  return (
    <svg className={`meter${used / whole > 0.85 ? ' meter-high' : ''}`} viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect className="meter-whole" width={100} height={6} />
      {rects}
    </svg>
  );
}
