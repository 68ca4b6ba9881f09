// What the scripted engine answers in these tests, and the texts to compare with.

export const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index + 1}`).join(" ");

const rich = `Here is a **short** answer with [a link](https://example.org).

| Dough | Rise |
|---|--:|
| 26 °C | 4 h |

\`\`\`python
def hours(temp_c):
    return 4 * 2 ** ((26 - temp_c) / 8)
\`\`\`

- [x] feed the starter
- [ ] wait

<img src=x onerror="window.hacked = true"> ![loaf](https://example.org/loaf.png)`;

const twoLanguages = `- one

  \`\`\`python
  def one(): pass
  \`\`\`

- two

  \`\`\`javascript
  const two = 2;
  \`\`\``;

const tale = Array.from({ length: 200 }, (_, index) => `Sentence ${index + 1} ends.`).join(" ");

/** The format is described in src/engine/scripted/mod.rs. */
export const engineScript = {
  models: ["scripted", "scripted-two"],
  rules: [
    { when: "slowly", reply: words(120), delay_ms: 18, queued: [1, 0], prefill: 100 },
    { when: "two languages", reply: twoLanguages, delay_ms: 50 },
    { when: "a tale", reply: tale, delay_ms: 50 },
    { when: "for ever", reply: words(2000), delay_ms: 30 },
    { when: "richly", reply: rich, delay_ms: 5 },
    { when: "^Which adapters", reply: "With {adapters}." },
    { when: "Ponder", reasoning: words(2000), reply: "It is warm.", delay_ms: 30 },
    { when: "Think a moment", reasoning: "Let me look outside.", reply: "It is warm.", delay_ms: 5 },
    { when: "too much", error: { context_too_long: { tokens: 9000, limit: 4096 } } },
    { when: "break off", reply: words(30), delay_ms: 5, fail_after: 10 },
  ],
};
