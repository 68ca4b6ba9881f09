// The frame of a code block: its language, wrap and copy buttons, highlighted lines.
// Buttons in it are served by one listener on the whole text (see chat/Markdown.svelte).
import { m } from "../paraglide/messages";
import { escapeHtml, highlight } from "./highlight";

export function codeFigure(code: string, language: string, missing?: Set<string>): string {
  const body = highlight(code, language, missing) ?? escapeHtml(code);
  return (
    `<figure class="code"><figcaption><span>${escapeHtml(language || m.code_plain())}</span>` +
    `<button type="button" class="ghost" data-code="wrap" aria-pressed="false">${escapeHtml(m.code_wrap())}</button>` +
    `<button type="button" class="ghost" data-code="copy">${escapeHtml(m.copy())}</button></figcaption>` +
    `<pre tabindex="0"><code>${body}</code></pre></figure>`
  );
}
