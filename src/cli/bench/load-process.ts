/** Carries out loads that its parent sends, one after another, and ends with it. */

import { carryOut, type Load, type LoadOutcome } from "./load.ts";

export interface LoadOrder {
  readonly load: Load;
  readonly directory: string;
}

export type LoadAnswer =
  | { readonly kind: "done"; readonly outcome: LoadOutcome }
  | { readonly kind: "failed"; readonly message: string };

process.on("message", ({ directory, load }: LoadOrder) => {
  const tell = (answer: LoadAnswer): void => {
    process.send?.(answer);
  };
  carryOut(load, directory).then(
    (outcome) => tell({ kind: "done", outcome }),
    (error: unknown) =>
      tell({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
// The terminal's Ctrl-C reaches this process too; the parent says when to end.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit(0));
