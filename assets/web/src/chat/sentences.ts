// Cuts a growing text for reading aloud.

const END = /[.!?…:]["'”»)]*\s|\n\s*\n/g;

/** Where the last whole sentence behind `from` ends; `from` when there is none. */
export function wholeSentences(text: string, from: number): number {
  let end = from;
  for (const match of text.slice(from).matchAll(END)) end = from + match.index + match[0].length;
  return end;
}

/** Markdown without its marks. */
export function plainWords(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^[ \t]*(?:```.*|[-*_]{3,}|\|?[-:| ]+\|[-:| ]*)$/gm, "")
    .replace(/^[ \t]*(?:#{1,6}|>|[-*+])[ \t]+/gm, "")
    .replace(/[*_`|]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}
