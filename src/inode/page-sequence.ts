/**
 * The pages of one directory, in order. A page names the place of the next, so that they are asked for
 * one after another, one ahead of the reader. Where a reader of a large directory has to wait for that,
 * places far ahead are guessed (name-forecast.ts), and pages from there on asked for at the same time:
 *
 * ```
 *   read    stretch 1          stretch 2                  stretch 3
 *   ─────▶│ page, page, …  ──▶│ page, page ──────────▶     │ page ──▶ …
 *         │                   │ from a guessed name up to  │ the next guessed name
 * ```
 *
 * A stretch shows its worth with its first page. Until then, the one before it can still go on in its
 * place: with a server that does not list from a given name on, nothing is lost but a request.
 */

import { assert } from "../base/assert.ts";
import { ownText } from "../base/own-text.ts";
import {
  isInOrder,
  nameCount,
  type Page,
  type Place,
  pageBehind,
  pageUpTo,
} from "./listing-page.ts";
import { compareKeys } from "./name.ts";
import { NameForecast } from "./name-forecast.ts";
import { isRefusal, type StartAfter } from "./start-after.ts";

/** Directories of no more pages are read one page after another. */
const PAGES_BEFORE = 4;
/** Stretches that are asked for at one time; as many more may wait for the reader. */
const WIDTH_MAX = 8;
const STRETCH_PAGES_MAX = 4;
/** What is asked for ahead is as much as the reader takes in this time: a page must not grow old. */
const AHEAD_MS = 150;
/** How much of a new measurement is believed. */
const WEIGHT = 0.3;
/** One name in so many is kept to guess others. Odd, or numbered names would all end alike. */
const SAMPLE_STRIDE = 17;
const SAMPLE_PAGES_MAX = 8;
/** Names that a stretch is made shorter by, in standard deviations: a page for a few names costs more. */
const DEVIATIONS = 1.3;
/** Pages that came twice for the most part: so many are accepted, and one in so many. */
const WASTED_MAX = 4;
const WASTED_RATIO = 16;

export interface PageSequenceOptions {
  readonly load: (place: Place) => Promise<Page>;
  /** The name to begin behind; "" for the beginning. */
  readonly behind: string;
  /** Whether one page will do. */
  readonly isSingle: boolean;
  /** Absent: pages are asked for one after another. */
  readonly startAfter?: StartAfter | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Names from one place up to the next that was guessed. */
class Stretch {
  /** The last name that may belong to it; undefined: it goes to the end. */
  to: string | undefined;
  /** Of the page to be asked for next. */
  place: Place;
  /** Arrived and not read. */
  readonly ready: Page[] = [];
  /** Whether all of it was asked for. */
  isLoaded: boolean = false;
  /** Whether a page of it came, and was what was asked for. */
  isProven: boolean;
  loading: Promise<void> | undefined;
  failure: { readonly error: unknown } | undefined;
  /** Its last page, where that goes on behind `to`. */
  overrun: Page | undefined;
  /** About so many names are between those that `forecast` is made of and `place`. */
  guessed = 0;
  #forecast: NameForecast | undefined;
  /** Some of the latest names, of which there were `#total`. */
  #sample: string[] = [];
  #total = 0;
  #pages = 0;

  constructor(behind: string, isProven: boolean) {
    this.place = { behind };
    this.isProven = isProven;
  }

  /** Names further on; made of pages before `place`, of this stretch or one before it. */
  get forecast(): NameForecast | undefined {
    if (this.#forecast === undefined && this.#total > 0) {
      this.#forecast = NameForecast.from(this.#sample, this.#total);
    }
    return this.#forecast;
  }

  set forecast(forecast: NameForecast | undefined) {
    this.#forecast = forecast;
  }

  /** Learns from a page, which lies before `place`. */
  learn(page: Page): void {
    const count = nameCount(page);
    if (count === 0) return;
    const names = [...page.names, ...page.directories.map((name) => name.slice(0, -1))];
    if (page.objects.length > 0 && page.directories.length > 0) names.sort(compareKeys);
    if (this.#pages === SAMPLE_PAGES_MAX) {
      this.#sample = [];
      this.#total = 0;
      this.#pages = 0;
    }
    this.#pages += 1;
    this.#total += count;
    for (let index = 0; index < count - 1; index += SAMPLE_STRIDE) {
      this.#sample.push(ownText(names[index] ?? ""));
    }
    this.#sample.push(ownText(names.at(-1) ?? ""));
    this.#forecast = undefined;
    this.guessed = 0;
  }
}

export class PageSequence {
  readonly #options: PageSequenceOptions;
  /** In the order of keys; the first is being read. */
  readonly #stretches: Stretch[];
  #isClosed: boolean = false;
  #maySplit: boolean;
  #pagesRead = 0;
  #pagesWasted = 0;
  #pageKeys = 0;
  /** Averages: what a request takes, and what the reader needs for a page. */
  #requestMs = 0;
  #readerMs: number | undefined;
  #readAtMs: number | undefined;

  constructor(options: PageSequenceOptions) {
    this.#options = options;
    this.#stretches = [new Stretch(options.behind, true)];
    this.#maySplit = options.startAfter !== undefined && !options.isSingle;
    this.#pump();
  }

  /** The next page; not to be called behind the last. What failed is asked for again. */
  async next(): Promise<Page> {
    this.#noteWanted();
    return this.#give(await this.#take());
  }

  /** The next page if it has arrived. */
  takeReady(): Page | undefined {
    const page = this.#arrived();
    if (page === undefined) return undefined;
    this.#noteWanted();
    return this.#give(page);
  }

  #noteWanted(): void {
    if (this.#readAtMs === undefined) return;
    const tookMs = this.#options.now() - this.#readAtMs;
    // Whoever gets slower gets less at once.
    this.#readerMs = Math.max(tookMs, averaged(this.#readerMs, tookMs));
  }

  #give(page: Page): Page {
    this.#readAtMs = this.#options.now();
    this.#pagesRead += 1;
    if (!this.#options.isSingle) this.#pump();
    return page;
  }

  /** Nothing more is asked for ahead. */
  close(): void {
    this.#isClosed = true;
  }

  /** Takes the page that is to be read next, if it is here. */
  #arrived(): Page | undefined {
    for (;;) {
      const [head, following] = this.#stretches;
      const page = head?.ready.shift();
      if (page !== undefined) return page;
      if (head?.isLoaded !== true || following?.isProven !== true) return undefined;
      this.#stretches.shift();
    }
  }

  async #take(): Promise<Page> {
    for (;;) {
      const page = this.#arrived();
      if (page !== undefined) return page;
      const [head, following] = this.#stretches;
      assert(head !== undefined, "nobody reads behind the last page");
      const awaited = head.isLoaded ? following : head;
      assert(awaited !== undefined, "what does not end has something behind it");
      const { failure } = awaited;
      awaited.failure = undefined;
      if (failure !== undefined) throw failure.error;
      await this.#load(awaited);
    }
  }

  /** Asks for what the reader will want next. */
  #pump(): void {
    if (this.#isClosed) return;
    this.#split();
    const [head] = this.#stretches;
    for (const stretch of this.#stretches) {
      const readyMax = stretch === head ? 1 : STRETCH_PAGES_MAX;
      if (stretch.isLoaded || stretch.failure !== undefined) continue;
      if (stretch.ready.length < readyMax) void this.#load(stretch);
    }
  }

  #load(stretch: Stretch): Promise<void> {
    stretch.loading ??= this.#ask(stretch).finally(() => {
      stretch.loading = undefined;
      this.#pump();
    });
    return stretch.loading;
  }

  async #ask(stretch: Stretch): Promise<void> {
    const { load, now } = this.#options;
    const askedAtMs = now();
    try {
      const page = await load(stretch.place);
      this.#requestMs = averaged(this.#requestMs, now() - askedAtMs);
      this.#enter(stretch, page);
    } catch (error) {
      if (stretch.isProven) stretch.failure = { error };
      else {
        if (isRefusal(error)) this.#options.startAfter?.giveUp();
        this.#withdraw(stretch);
      }
    }
  }

  #enter(stretch: Stretch, page: Page): void {
    const index = this.#stretches.indexOf(stretch);
    // Behind what has turned out to be the end.
    if (index === -1) return;
    const isSplit = stretch.to !== undefined || !stretch.isProven;
    const isOrdered = !isSplit || isInOrder(page, stretch.place.behind);
    if (!isOrdered) this.#options.startAfter?.giveUp();
    if (!isOrdered && !stretch.isProven) {
      this.#withdraw(stretch);
      return;
    }
    stretch.isProven = true;
    if (page.isLast || !isOrdered) {
      stretch.to = undefined;
      this.#stretches.length = index + 1;
    } else if (this.#maySplit) {
      this.#pageKeys = Math.max(this.#pageKeys, nameCount(page));
      stretch.learn(page);
    }
    stretch.place = { token: page.nextToken, behind: page.last };
    this.#keep(stretch, page);
  }

  /** Keeps what belongs to the stretch. */
  #keep(stretch: Stretch, page: Page): void {
    const { to } = stretch;
    const order = to === undefined ? -1 : compareKeys(page.last, to);
    stretch.isLoaded = page.isLast || order >= 0;
    if (to === undefined || order <= 0) {
      stretch.ready.push(page);
      return;
    }
    const kept = pageUpTo(page, to);
    stretch.ready.push(kept);
    stretch.overrun = page;
    if (nameCount(kept) * 2 < nameCount(page)) this.#pagesWasted += 1;
  }

  /** The stretch before one that failed goes on in its place. */
  #withdraw(stretch: Stretch): void {
    this.#maySplit = false;
    const index = this.#stretches.indexOf(stretch);
    const before = this.#stretches[index - 1];
    if (before === undefined) return;
    this.#stretches.splice(index, 1);
    const { overrun, to } = before;
    before.to = stretch.to;
    if (!before.isLoaded) return;
    before.isLoaded = false;
    before.overrun = undefined;
    if (overrun === undefined || to === undefined) return;
    this.#keep(before, pageBehind(overrun, to));
  }

  /** Begins new stretches where the reader has to wait for one page after another. */
  #split(): void {
    if (this.#pagesRead < PAGES_BEFORE || !this.#maySplit) return;
    if (this.#options.startAfter?.isSupported !== true) return;
    if (this.#pagesWasted > WASTED_MAX + this.#pagesRead / WASTED_RATIO) return;
    const readerMs = Math.max(1, this.#readerMs ?? 0);
    const width = Math.min(WIDTH_MAX, Math.ceil(this.#requestMs / readerMs));
    if (width < 2) return;
    // Whoever has read little may stop soon.
    const pagesMax = Math.min(AHEAD_MS / readerMs, 2 * this.#pagesRead);
    const pages = Math.min(STRETCH_PAGES_MAX, Math.max(1, Math.floor(pagesMax / (2 * width))));
    const stretchesMax = Math.min(2 * width, pagesMax / pages);
    const isLoading = ({ loading }: Stretch): boolean => loading !== undefined;
    while (
      this.#stretches.filter(isLoading).length < width &&
      this.#stretches.length < stretchesMax &&
      this.#splitOnce(pages * this.#pageKeys)
    );
  }

  /** Whether there is a stretch from which one could be split that begins about `keys` names on. */
  #splitOnce(keys: number): boolean {
    for (const [index, stretch] of this.#stretches.entries()) {
      const { forecast, place, to } = stretch;
      if (stretch.isLoaded || forecast === undefined) continue;
      const margin = forecast.isNumbered ? 0 : Math.ceil(DEVIATIONS * Math.sqrt(2 * keys));
      const guessed = stretch.guessed + keys - margin;
      const from = forecast.ahead(guessed);
      if (from === undefined || compareKeys(from, place.behind) <= 0) continue;
      if (to !== undefined && compareKeys(from, to) >= 0) continue;
      const split = new Stretch(from, false);
      split.to = to;
      split.forecast = forecast;
      split.guessed = guessed;
      stretch.to = from;
      this.#stretches.splice(index + 1, 0, split);
      void this.#load(split);
      return true;
    }
    return false;
  }
}

/** An average that follows what changes. */
function averaged(average: number | undefined, value: number): number {
  return average === undefined ? value : average + WEIGHT * (value - average);
}
