import { describe, expect, it } from '@jest/globals';

import { loadConfig, metricRetentionOf } from './config.ts';

const NEEDED = { DATABASE_URL: 'postgres://localhost/x', QUEUE_URL: 'redis://localhost' };

describe('how long time series are kept', () => {
  it('has defaults, and each level is a setting', () => {
    expect(metricRetentionOf(loadConfig(NEEDED))).toEqual({ run_metrics: 2, run_metrics_1m: 14, run_metrics_1h: 90, run_metrics_1d: 800, runtime_samples: 3 });
    expect(metricRetentionOf(loadConfig({ ...NEEDED, BULLPEN_RETAIN_1M_DAYS: '30', BULLPEN_RETAIN_SAMPLES_DAYS: '1' }))).toMatchObject({ run_metrics_1m: 30, runtime_samples: 1 });
  });

  it('is at least a day, and for a coarser level no less than for a finer one', () => {
    expect(() => loadConfig({ ...NEEDED, BULLPEN_RETAIN_10S_DAYS: '0' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(() => loadConfig({ ...NEEDED, BULLPEN_RETAIN_1H_DAYS: '900' })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
