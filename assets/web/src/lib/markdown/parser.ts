// Markdown as we speak it: CommonMark with tables, strikethrough, task lists and bare links.
// Raw HTML is text. Pictures become links, because nothing is ever loaded from elsewhere.
import MarkdownIt, { type Env, type RendererRule as Rule } from "markdown-it";
import { m } from "../paraglide/messages";
import { highlight } from "./highlight";

export const markdown = new MarkdownIt({ html: false, linkify: true });
const { rules } = markdown.renderer;
const escape = markdown.utils.escapeHtml;

const plain: Rule = (tokens, index, options, _env, self) => self.renderToken(tokens, index, options);

rules.link_open = (tokens, index, ...rest) => {
  const token = tokens[index]!;
  token.attrSet("target", "_blank");
  token.attrSet("rel", "noopener noreferrer");
  return plain(tokens, index, ...rest);
};

rules.image = (tokens, index) => {
  const token = tokens[index]!;
  const address = String(token.attrGet("src") ?? "");
  const label = escape(token.content || address);
  if (!/^https?:/i.test(address)) return label;
  return `<a href="${escape(address)}" target="_blank" rel="noopener noreferrer">${label}</a>`;
};

rules.fence = (tokens, index, _options, env) => {
  const token = tokens[index]!;
  return codeFigure(token.content, languageOf(token.info), missingIn(env));
};

rules.code_block = (tokens, index, _options, env) => codeFigure(tokens[index]!.content, "", missingIn(env));

rules.table_open = () => '<div class="table" tabindex="0"><table>';
rules.table_close = () => "</table></div>";

// markdown-it aligns by a style attribute, which the page's policy does not allow.
const cell: Rule = (tokens, index, ...rest) => {
  const token = tokens[index]!;
  const side = /text-align:(right|center)/.exec(String(token.attrGet("style") ?? ""))?.[1];
  token.attrs = side ? [["class", `to-${side}`]] : [];
  return plain(tokens, index, ...rest);
};
rules.th_open = cell;
rules.td_open = cell;

markdown.core.ruler.after("inline", "task-lists", (state) => {
  state.tokens.forEach((item, index) => {
    const text = state.tokens[index + 2];
    const first = text?.children?.[0];
    if (item.type !== "list_item_open" || text?.type !== "inline" || first?.type !== "text") return;
    const mark = /^\[([ xX])\] /.exec(first.content);
    if (!mark) return;
    item.attrJoin("class", "task");
    first.content = first.content.slice(mark[0].length);
    const box = new state.Token("html_inline", "", 0);
    const open = mark[1] === " ";
    const label = escape(open ? m.task_open() : m.task_done());
    box.content = `<input type="checkbox" disabled aria-label="${label}"${open ? "" : " checked"}>`;
    text.children!.unshift(box);
  });
});

/** What rendering passes along: link definitions of the whole text, and languages still to load. */
export type RenderEnv = Env & { missing?: Set<string> };

/** Above a code block: its language, and buttons that MarkdownText.svelte serves. */
export function codeCaption(language: string): string {
  return (
    `<figcaption><span>${escape(language || m.code_plain())}</span>` +
    `<button type="button" class="ghost" data-code="wrap" aria-pressed="false">${escape(m.code_wrap())}</button>` +
    `<button type="button" class="ghost" data-code="copy">${escape(m.copy())}</button></figcaption>`
  );
}

function codeFigure(code: string, language: string, missing?: Set<string>): string {
  const body = highlight(code, language, missing) ?? escape(code);
  return `<figure class="code">${codeCaption(language)}<pre tabindex="0"><code>${body}</code></pre></figure>`;
}

const missingIn = (env: RenderEnv | undefined) => env?.missing;

export function languageOf(info: string): string {
  return info.trim().split(/[\s{:,]/, 1)[0]!.toLowerCase();
}
