// Makes what is derived and not committed: the client types from docs/openapi.json and the
// compiled strings. Run by `npm run generate`, before build, check and test.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "@inlang/paraglide-js";
import openapiTS, { astToString } from "openapi-typescript";

// Nothing here needs the network, and a library under paraglide would report its use over it.
globalThis.fetch = () => Promise.reject(new Error("the build asks nobody"));

const here = (path) => new URL(`../${path}`, import.meta.url);

async function clientTypes() {
  const source = JSON.parse(await readFile(here("../../docs/openapi.json"), "utf8"));
  // What has a default may be left out of a request.
  const types = await openapiTS(source, { defaultNonNullable: false });
  await writeFile(here("src/lib/api/schema.d.ts"), astToString(types));
}

// The plug-in that reads messages/*.json comes from node_modules (see project.inlang/settings.json):
// named by its address it would be fetched from a CDN at every build.
async function strings() {
  await compile({
    project: here("project.inlang").pathname,
    outdir: here("src/lib/paraglide").pathname,
    // lib/language.svelte.ts decides.
    strategy: ["globalVariable", "baseLocale"],
    isServer: "false",
    emitTsDeclarations: true,
    emitReadme: false,
  });
}

await Promise.all([clientTypes(), strings()]);
