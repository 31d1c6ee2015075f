/**
 * A sorted set as Redis keeps one: each member once, lowest score first, members of one score in the order of their
 * names. A binary heap with an index, so every operation is O(log n) in memory alone.
 */
export class KeyedHeap {
  readonly #members: string[] = [];
  readonly #scores: number[] = [];
  readonly #places = new Map<string, number>();

  get size(): number {
    return this.#members.length;
  }

  score(member: string): number | undefined {
    const place = this.#places.get(member);
    return place === undefined ? undefined : this.#scores[place];
  }

  has(member: string): boolean {
    return this.#places.has(member);
  }

  /** The lowest, left where it is. */
  first(): { member: string; score: number } | undefined {
    return this.size === 0 ? undefined : { member: this.#members[0]!, score: this.#scores[0]! };
  }

  /** In no particular order. */
  *entries(): IterableIterator<[member: string, score: number]> {
    for (let i = 0; i < this.size; i += 1) yield [this.#members[i]!, this.#scores[i]!];
  }

  /** Adds the member, or moves it. */
  set(member: string, score: number): void {
    let place = this.#places.get(member);
    if (place === undefined) {
      place = this.#members.push(member) - 1;
      this.#scores.push(score);
      this.#places.set(member, place);
    }
    this.#scores[place] = score;
    this.#sink(this.#rise(place));
  }

  pop(): { member: string; score: number } | undefined {
    const first = this.first();
    if (first) this.delete(first.member);
    return first;
  }

  /** @returns whether it was there. */
  delete(member: string): boolean {
    const place = this.#places.get(member);
    if (place === undefined) return false;
    const last = this.size - 1;
    this.#swap(place, last);
    this.#members.pop();
    this.#scores.pop();
    this.#places.delete(member);
    if (place < last) this.#sink(this.#rise(place));
    return true;
  }

  #rise(from: number): number {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#before(place, parent)) break;
      this.#swap(place, parent);
      place = parent;
    }
    return place;
  }

  #sink(from: number): void {
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      const right = left + 1;
      let lowest = place;
      if (left < this.size && this.#before(left, lowest)) lowest = left;
      if (right < this.size && this.#before(right, lowest)) lowest = right;
      if (lowest === place) return;
      this.#swap(place, lowest);
      place = lowest;
    }
  }

  #before(a: number, b: number): boolean {
    const difference = this.#scores[a]! - this.#scores[b]!;
    return difference < 0 || (difference === 0 && this.#members[a]! < this.#members[b]!);
  }

  #swap(a: number, b: number): void {
    const [memberA, memberB] = [this.#members[a]!, this.#members[b]!];
    const [scoreA, scoreB] = [this.#scores[a]!, this.#scores[b]!];
    this.#members[a] = memberB;
    this.#members[b] = memberA;
    this.#scores[a] = scoreB;
    this.#scores[b] = scoreA;
    this.#places.set(memberB, a);
    this.#places.set(memberA, b);
  }
}
