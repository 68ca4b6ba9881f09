// The one sanitiser. Whatever becomes HTML on this page has passed here (see SafeHtml.svelte).
import DOMPurify from "dompurify";

const ALLOWED_TAGS = [
  ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "div", "span"],
  ...["strong", "em", "s", "del", "code", "pre", "a", "sup", "sub"],
  ...["table", "thead", "tbody", "tr", "th", "td"],
  ...["figure", "figcaption", "button", "input"],
];
/** Attributes whose value is no address; the rest must be a link we allow. */
const PLAIN_ATTR = ["class", "target", "rel", "start", "type", "disabled", "checked", "tabindex", "data-code", "aria-pressed", "aria-label"];

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
  if (node.nodeName === "INPUT") {
    node.setAttribute("type", "checkbox");
    node.setAttribute("disabled", "");
  }
});

export function sanitise(html: string): string {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS,
    ALLOWED_ATTR: [...PLAIN_ATTR, "href"],
    ADD_URI_SAFE_ATTR: PLAIN_ATTR,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto|tel):/i,
  });
}
