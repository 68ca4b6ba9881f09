// Cuts code into lines of pieces, each with what it is, so that an editor can colour it without
// ever making HTML of a text.

export type CodeLanguage = "rhai" | "toml";
export interface Piece {
  text: string;
  /** Empty where it is nothing special. */
  kind: string;
}

const RHAI = new RegExp(
  [
    /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/,
    /(?<string>"(?:\\[\s\S]|[^"\\\n])*"?|`[^`]*`?|'(?:\\.|[^'\\\n])')/,
    /(?<number>\b(?:0x[\da-fA-F_]+|0b[01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\b)/,
    /(?<keyword>\b(?:fn|let|const|if|else|switch|while|loop|do|until|for|in|break|continue|return|throw|try|catch|true|false|this|is_def_var|private)\b)/,
    /(?<name>(?<=\bfn\s+)[A-Za-z_]\w*)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

const TOML = new RegExp(
  [
    /(?<comment>#[^\n]*)/,
    /(?<string>"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'[^'\n]*'?)/,
    /(?<name>(?<=^|\n)[ \t]*\[\[?[^\]\n]*\]\]?)/,
    /(?<keyword>\b(?:true|false)\b)/,
    /(?<number>\b\d[\d_]*(?:\.\d+)?\b)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

const GRAMMARS: Record<CodeLanguage, RegExp> = { rhai: RHAI, toml: TOML };

export function piecesOf(code: string, language: CodeLanguage): Piece[][] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of code.matchAll(GRAMMARS[language])) {
    if (match.index > end) pieces.push({ text: code.slice(end, match.index), kind: "" });
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "";
    pieces.push({ text: match[0], kind });
    end = match.index + match[0].length;
  }
  pieces.push({ text: code.slice(end), kind: "" });
  return inLines(pieces);
}

/** A piece over several lines is one in each of them. */
function inLines(pieces: Piece[]): Piece[][] {
  const lines: Piece[][] = [[]];
  for (const { text, kind } of pieces) {
    text.split("\n").forEach((part, index) => {
      if (index > 0) lines.push([]);
      if (part !== "") lines.at(-1)!.push({ text: part, kind });
    });
  }
  return lines;
}
