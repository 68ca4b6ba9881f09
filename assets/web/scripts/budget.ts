// Fails the build when the JavaScript of the first load weighs more than it may.
import { gzipSync } from "node:zlib";
import type { Plugin, Rollup } from "vite";

export function firstLoadBudget({ gzipBytes }: { gzipBytes: number }): Plugin {
  return {
    name: "first-load-budget",
    apply: "build",
    generateBundle(_options, bundle) {
      const chunks = new Map<string, Rollup.OutputChunk>();
      const take = (name: string) => {
        const file = bundle[name];
        if (file?.type !== "chunk" || chunks.has(name)) return;
        chunks.set(name, file);
        file.imports.forEach(take);
      };
      Object.values(bundle).forEach((file) => file.type === "chunk" && file.isEntry && take(file.fileName));
      const sizes = [...chunks].map(([name, chunk]) => [name, gzipSync(chunk.code).length] as const);
      const total = sizes.reduce((sum, [, size]) => sum + size, 0);
      const report = `first load: ${total} of ${gzipBytes} bytes of JavaScript (gzip) in ${sizes.length} files`;
      if (total > gzipBytes) this.error(`${report}\n${sizes.map(([n, size]) => `  ${n} ${size}`).join("\n")}`);
      this.info(report);
    },
  };
}
