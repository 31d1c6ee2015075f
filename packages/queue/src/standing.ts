/** Where an organization stands in the ready set at one moment; for explaining, not for deciding. */
export interface Standing {
  /** Organizations that are offered before it, by virtual time. */
  organizationsAhead: number;
  /** Memory of its taken runs, MB; null where it has no memory limit. */
  inFlightMb: number | null;
}
