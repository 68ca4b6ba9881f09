// Starts the house for the browser tests: the real binary that CHATELAINE_BIN names, answering by script.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineScript } from "./replies";

const START_MS = 15_000;
const STOP_MS = 3_000;

export class House {
  url = "";
  setupLink = "";
  #process!: ChildProcess;

  constructor(
    private readonly binary: string,
    private readonly folder: string,
  ) {}

  async start(listen = "127.0.0.1:0") {
    const env = {
      ...process.env,
      CHATELAINE_ENGINE__SCRIPT: join(this.folder, "script.json"),
      // Tests are quicker than people.
      CHATELAINE_LIMITS__REQUESTS_PER_MINUTE: "0",
      CHATELAINE_LIMITS__ANONYMOUS_REQUESTS_PER_MINUTE: "0",
    };
    const data = join(this.folder, "data");
    this.#process = spawn(this.binary, ["serve", "--data", data, "--listen", listen], { env, stdio: ["ignore", "pipe", "pipe"] });
    const said = await hear(this.#process, this.setupLink === "" ? /Set up: \S+/ : /Listening on \S+/);
    this.url = /Listening on (\S+)/.exec(said)![1]!;
    this.setupLink ||= /Set up: (\S+)/.exec(said)![1]!;
  }

  /** As when the power fails: no word to anybody, and then again at the same address. */
  async killAndStartAgain() {
    await this.#end("SIGKILL");
    await this.start(new URL(this.url).host);
  }

  async stop() {
    await this.#end("SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals) {
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill(signal);
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  }
}

export async function startHouse(): Promise<House> {
  const binary = process.env.CHATELAINE_BIN;
  if (!binary) throw new Error("CHATELAINE_BIN must name the chatelaine binary that is to be tested");
  const folder = await mkdtemp(join(tmpdir(), "chatelaine-e2e-"));
  await writeFile(join(folder, "script.json"), JSON.stringify(engineScript));
  const house = new House(binary, folder);
  await house.start();
  return house;
}

/** What the house has said once it has said this. */
function hear(house: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const late = setTimeout(() => reject(new Error(`the house did not say ${wanted}:\n${said}`)), START_MS);
    house.stdout?.on("data", (bytes: Buffer) => {
      said += bytes.toString();
      if (!wanted.test(said)) return;
      clearTimeout(late);
      resolve(said);
    });
    house.stderr?.on("data", (bytes: Buffer) => (said += bytes.toString()));
    house.once("exit", (code) => reject(new Error(`the house left with ${code}:\n${said}`)));
  });
}
