import { describe, expect, it } from "vitest";
import { BlockSplitter, type Block } from "./blocks";
import { markdown } from "./parser";

const letter = `# Heading

A paragraph with *stress*, a [late link][1]
over two lines.

- one
- two
  - deeper

1. first

2. second

| a | b |
|---|--:|
| 1 | 2 |

\`\`\`python
def f(x):

    # not a heading
    return x
\`\`\`

> quoted
> lines

Setext
======

    indented code

- [ ] to do
- [x] done

***

Last words, https://example.org and \`code\`

[1]: https://example.org/late
`;

const html = (blocks: Block[], splitter: BlockSplitter) => blocks.map((block) => markdown.render(block.source, { ...splitter.env })).join("");

function stream(text: string, step: number, look: (blocks: Block[]) => void = () => {}): BlockSplitter {
  const splitter = new BlockSplitter();
  for (let end = step; end < text.length; end += step) look(splitter.update(text.slice(0, end), false));
  splitter.update(text, true);
  return splitter;
}

describe("BlockSplitter", () => {
  it("gives in the end what rendering the whole text gives, however it came", () => {
    for (const step of [1, 2, 3, 7, 50, 1000]) {
      const splitter = stream(letter, step);
      expect(html(splitter.update(letter, true), splitter), `in steps of ${step}`).toBe(markdown.render(letter, {}));
    }
  });

  it("never touches a finished block again", () => {
    let before: Block[] = [];
    let changed = 0;
    stream(letter, 1, (blocks) => {
      blocks.slice(0, -2).forEach((block, index) => expect(block).toBe(before[index]));
      changed += blocks.filter((block, index) => block !== before[index]).length;
      before = blocks;
    });
    // Every step draws one block, now and then two: not all there are.
    expect(changed).toBeLessThan(letter.length * 1.3);
  });

  it("shows no half-come marks of lists, headings and fences", () => {
    const splitter = new BlockSplitter();
    const last = (text: string) => splitter.update(text, false).at(-1)?.source.trim();
    expect(last("Text\n\n2")).toBe("Text");
    expect(last("Text\n\n2. more")).toBe("2. more");
    expect(last("Text\n\n2. more\n\n``")).toBe("2. more");
  });

  it("shows code while it grows and closes it at its end", () => {
    const splitter = new BlockSplitter();
    const code = (text: string) => splitter.update(text, false).at(-1)!.openCode;
    expect(code("```js\nlet a")).toEqual({ language: "js", text: "let a" });
    expect(code("```js\nlet a = 1;\n")).toMatchObject({ text: "let a = 1;\n" });
    expect(code("```js\nlet a = 1;\n```\n")).toBeUndefined();
    expect(splitter.update("```js\nlet a = 1;", true).at(-1)!.openCode).toBeUndefined();
  });

  it("starts over when the text is another one", () => {
    const splitter = stream(letter, 9);
    const blocks = splitter.update("Something else.", false);
    expect(blocks.map((block) => block.source)).toEqual(["Something else."]);
  });

  it("keeps up with a reply of 100,000 characters", () => {
    const text = letter.repeat(Math.ceil(100_000 / letter.length));
    const start = performance.now();
    stream(text, 20);
    const perUpdate = (performance.now() - start) / (text.length / 20);
    expect(perUpdate).toBeLessThan(2);
  });
});

describe("markdown", () => {
  const render = (text: string) => markdown.render(text, {});

  it("shows HTML as text", () => {
    expect(render("<img src=x onerror=alert(1)> <script>alert(1)</script>")).not.toMatch(/<(img|script)/);
  });

  it("opens links outside and gives them nothing of us", () => {
    expect(render("[x](https://example.org)")).toContain('target="_blank" rel="noopener noreferrer"');
    expect(render("[x](javascript:alert(1))")).not.toContain("href");
  });

  it("loads no picture but links to it", () => {
    expect(render("![a loaf](https://example.org/loaf.png)")).toBe('<p><a href="https://example.org/loaf.png" target="_blank" rel="noopener noreferrer">a loaf</a></p>\n');
    expect(render("![dot](data:image/png;base64,AAAA)")).toBe("<p>dot</p>\n");
  });

  it("writes no style attribute", () => {
    expect(render("|a|b|\n|:-:|--:|\n|1|2|")).not.toContain("style=");
  });
});
