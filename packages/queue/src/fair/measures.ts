/**
 * Jain's fairness index: 1 where all have the same, 1/n where one has everything.
 * (Jain, Chiu, Hawe: A Quantitative Measure of Fairness and Discrimination, DEC TR-301, 1984.)
 */
export function jainIndex(amounts: readonly number[]): number {
  const sum = amounts.reduce((total, amount) => total + amount, 0);
  const squares = amounts.reduce((total, amount) => total + amount * amount, 0);
  return squares === 0 ? 1 : (sum * sum) / (amounts.length * squares);
}

/** How far the share that fared worst is from what its weight gives it: 0.05 is 5 % too much or too little. */
export function worstShareError(amounts: readonly number[], weights: readonly number[]): number {
  const total = amounts.reduce((sum, amount) => sum + amount, 0);
  const weight = weights.reduce((sum, one) => sum + one, 0);
  return Math.max(...amounts.map((amount, i) => Math.abs((amount / total) * (weight / weights[i]!) - 1)));
}
