/** What goes to the checking thread, and what comes back: one at a time. Values travel as JSON text. */
export interface CheckRequest {
  readonly schemaJson: string;
  /** Null: only compile the schema. */
  readonly valueJson: string | null;
}

export type CheckAnswer =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly issues: readonly { readonly path: string; readonly message: string }[] }
  | { readonly kind: 'bad_schema'; readonly reason: string };
