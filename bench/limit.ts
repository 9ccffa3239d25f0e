/** What the line of the physical limit is called wherever figures have names. */
export const LIMIT = "physical limit";
