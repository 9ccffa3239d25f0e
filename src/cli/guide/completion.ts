/** The completion script of each shell. */

import type { Shell } from "../completion-table.ts";
import { mainPage } from "../main-page.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { zshCompletion } from "./completion-zsh.ts";
import type { CommandPage } from "./page.ts";
import { allPages } from "./pages.ts";

const RENDERERS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} satisfies Record<Shell, (pages: readonly CommandPage[]) => string>;

export function renderCompletion(shell: Shell): string {
  return RENDERERS[shell](allPages().map(withMountOptions));
}

/** But for those that mean nothing where a mount is not the end. */
function withMountOptions(page: CommandPage): CommandPage {
  if (!page.takesMountOptions) return page;
  const { foreground: _, version: __, ...options } = mainPage().table;
  return { ...page, table: { ...options, ...page.table } };
}
