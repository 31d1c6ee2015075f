/**
 * How much memory a cell may hold: what it had when it was blank, and what its containers may have. A container that has left may
 * leave memory behind, which nobody frees at once or at all (V8's spare pages, the allocator's arenas, the buffers of the cell's own
 * thread). That counts for no container which is still there: what was left is allowed for as long as it is held, and never so that the
 * cell may hold more than its containers could at once before.
 */
export class CellAllowance {
  #blankMb = 0;
  #leftMb = 0;
  #mostMb = 0;

  /** @param privateMb - what the cell holds before anything is in it */
  begin(privateMb: number): void {
    this.#blankMb = privateMb;
  }

  /** Beyond what it had when it was blank, and what others left: who is here held it. */
  ownMb(privateMb: number): number {
    return privateMb - this.#blankMb - this.#leftMb;
  }

  /** @param containersMb - what those who are here may have, together */
  allowedMb(containersMb: number): number {
    this.#mostMb = Math.max(this.#mostMb, containersMb);
    return this.#blankMb + Math.min(containersMb + this.#leftMb, this.#mostMb);
  }

  /** One that was allowed so much has left. */
  leave(containerMb: number): void {
    this.#leftMb += containerMb;
  }

  /** What is held now, and how much of it who is here says is his: no more than the rest was left behind. */
  look(privateMb: number, heldMb: number): void {
    this.#leftMb = Math.min(this.#leftMb, Math.max(0, privateMb - this.#blankMb - heldMb));
  }
}
