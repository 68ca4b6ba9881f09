// How the page is built: hashed files under /assets/, precompressed, within the first-load budget.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vitest/config";
import { firstLoadBudget } from "./scripts/budget.ts";
import { precompress } from "./scripts/precompress.ts";

export default defineConfig({
  plugins: [tailwindcss(), svelte(), firstLoadBudget({ gzipBytes: 150_000 }), precompress()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 400,
  },
  server: {
    proxy: { "/api": process.env.CHATELAINE_URL ?? "http://127.0.0.1:2428" },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
