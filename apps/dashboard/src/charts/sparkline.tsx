import type { ReactNode } from 'react';

import { plural } from '../format/quantity.ts';
import type { RunBucket } from './run-buckets.ts';
import { linearScale } from './scale.ts';

const WIDTH = 120;
const HEIGHT = 24;

/** The shape of an hour in a table cell: an area of all runs, a mark under every bucket that has failures. */
export function Sparkline({ buckets }: { buckets: readonly RunBucket[] }): ReactNode {
  const totals = buckets.map(({ succeeded, failed }) => succeeded + failed);
  const runs = totals.reduce((sum, total) => sum + total, 0);
  const x = linearScale([0, Math.max(1, buckets.length - 1)], [1, WIDTH - 1]);
  const y = linearScale([0, Math.max(1, ...totals)], [HEIGHT - 4, 2]);
  const line = totals.map((total, index) => `${x(index).toFixed(1)},${y(total).toFixed(1)}`).join(' ');
  const floor = HEIGHT - 4;
  return (
    <svg className="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} preserveAspectRatio="none" role="img" aria-label={`${plural(runs, 'run')} over the last hour`}>
      <line className="spark-floor" x1={1} x2={WIDTH - 1} y1={floor} y2={floor} />
      {runs > 0 && <polygon className="spark-area" points={`1,${floor} ${line} ${WIDTH - 1},${floor}`} />}
      {runs > 0 && <polyline className="spark-line" points={line} />}
      {buckets.map(({ fromMs, failed }, index) => failed > 0 && (
        <rect key={fromMs} className="spark-failed" x={x(index) - 1} y={HEIGHT - 3} width={2} height={3} />
      ))}
    </svg>
  );
}
