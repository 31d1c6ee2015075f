const MARGIN_MB = 2;

/**
 * What the kernel counts for a thread that has done nothing, nearly all of it reserved and never touched: the same for
 * each, but not on each machine. Measured on the first container of the first cell; until then generous.
 */
export class ThreadFootprint {
  dataMb = 700;
  isMeasured = false;

  measure(dataMb: number | null): void {
    if (dataMb === null || this.isMeasured) return;
    this.dataMb = dataMb + MARGIN_MB;
    this.isMeasured = true;
  }
}
