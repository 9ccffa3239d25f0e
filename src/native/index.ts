/**
 * The door of the native layer: the C addon of native/, and the only place that loads a `.node`
 * file. `addon.ts` is its contract; `addon()` returns it, loaded at the first call. Who can do
 * without it asks `addonIfAny()`, or `addonOrPortable()` for what TypeScript can do as well. Nothing
 * here decides anything: what to mount, what to reply and what an errno means is for the layers above.
 */

export type { Addon, Channel, TlsContext, Wire } from "./addon.ts";
export { addon, NativeError } from "./loader.ts";
export { addonIfAny, addonOrPortable, type Portable, portable } from "./portable.ts";
