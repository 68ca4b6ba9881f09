// Cuts a growing Markdown text into its top-level blocks, so that only what can still change is
// parsed and drawn again. A finished block stays the very same object for the rest of the stream.
import { mend } from "./mend";
import { languageOf, markdown, type RenderEnv } from "./parser";

export interface Block {
  /** Where the block starts in the text. */
  readonly start: number;
  readonly source: string;
  /** Set while this is a code block whose end has not come: shown as it grows, without colours. */
  readonly openCode?: { language: string; text: string };
}

/** A line's beginning that may yet become a list, heading, rule or fence: not shown before it is clear. */
const UNCLEAR_END = /(^|\n)[ \t]*(?:\d{1,9}[.)]?|[-*+=_~`#>|]{1,6})[ \t]*$/;

export class BlockSplitter {
  readonly env: RenderEnv = { references: {} };
  #blocks: Block[] = [];
  /** Blocks that cannot change any more, and where the rest of the text starts. */
  #settled = 0;
  #settledEnd = 0;
  /** Link definitions found there. Those behind may be cut short and are read anew each time. */
  #settledLinks: RenderEnv["references"] = {};
  #text = "";
  #final = false;

  /** `final` says that no more text comes. The same text again costs nothing. */
  update(text: string, final: boolean): Block[] {
    if (text === this.#text && final === this.#final) return this.#blocks;
    if (!text.startsWith(this.#text.slice(0, this.#settledEnd))) this.#restart();
    this.#text = text;
    this.#final = final;
    const rest = text.slice(this.#settledEnd);
    const shown = final ? rest : rest.replace(UNCLEAR_END, "$1");
    const old = this.#blocks;
    this.env.references = { ...this.#settledLinks };
    const fresh = split(shown, this.#settledEnd, final, this.env);
    const kept = fresh.map((block, index) => keep(old[this.#settled + index], block));
    this.#blocks = [...old.slice(0, this.#settled), ...kept];
    if (final) this.#linkLate();
    else this.#settle(kept);
    return this.#blocks;
  }

  /** The last block can change; the one before it too, until the last has a whole line (`2` may become `2. next`). */
  #settle(rest: Block[]) {
    const last = rest.at(-1);
    const done = rest.length - (last?.source.includes("\n") ? 1 : 2);
    if (done <= 0) return;
    const end = rest[done]!.start;
    markdown.block.parse(this.#text.slice(this.#settledEnd, end), markdown, { references: this.#settledLinks }, []);
    this.#settled += done;
    this.#settledEnd = end;
  }

  /** A definition at the end may name a link of a block drawn long before it came. */
  #linkLate() {
    if (Object.keys(this.env.references ?? {}).length === 0) return;
    this.#blocks = this.#blocks.map((block) => (block.source.includes("[") ? { ...block } : block));
  }

  #restart() {
    this.#blocks = [];
    this.#settled = 0;
    this.#settledEnd = 0;
    this.#settledLinks = {};
  }
}

function keep(old: Block | undefined, fresh: Block): Block {
  const same = old && old.start === fresh.start && old.source === fresh.source && !old.openCode === !fresh.openCode;
  return same ? old : fresh;
}

function split(text: string, offset: number, final: boolean, env: RenderEnv): Block[] {
  const tokens: ReturnType<typeof markdown.parse> = [];
  markdown.block.parse(text, markdown, env, tokens);
  const tops = tokens.filter((token) => token.level === 0 && token.nesting >= 0 && token.map);
  const lines = lineStarts(text);
  return tops.map((token, index) => {
    const start = index === 0 ? 0 : lines[token.map![0]]!;
    const next = tops[index + 1];
    const source = text.slice(start, next ? lines[next.map![0]] : undefined);
    const open = token.type === "fence" && !final && !next && !isClosed(source, token.markup);
    const growing = !final && !next && token.type !== "fence";
    const openCode = open ? { language: languageOf(token.info), text: token.content } : undefined;
    return { start: offset + start, source: growing ? mend(source) : source, openCode };
  });
}

function isClosed(source: string, fence: string): boolean {
  const lines = source.trimEnd().split("\n");
  const last = lines.at(-1)!.trim();
  return lines.length > 1 && last.length >= fence.length && last === fence[0]!.repeat(last.length);
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
