// Asks TensorFlow Serving for samples over REST. In Node 18 and newer: node sample.mjs --seed 0 -n 4
// In a browser: import { rowSeeds, sample } from "./sample.mjs"; the server must be behind the page's own origin.
// Placeholders: name, rest_port, signature, output, ending, takes_label.

const URL_OF_MODEL = "http://127.0.0.1:@{rest_port}/v1/models/@{name}:predict";
const SIGNATURE = "@{signature}";
const OUTPUT = "@{output}";
const ENDING = "@{ending}";
const TAKES_LABEL = "@{takes_label}" === "yes";

const GAMMA = 0x9e3779b97f4a7c15n;
const low64 = (value) => BigInt.asUintN(64, value);

// The SplitMix64 finalizer.
function mix(value) {
  value = low64(value);
  value = low64((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n);
  value = low64((value ^ (value >> 27n)) * 0x94d049bb133111ebn);
  return value ^ (value >> 31n);
}

// One seed per row from one seed for all, as tfgen.random.row_seeds does it. They are below 2**53, so Number holds them exactly.
export function rowSeeds(seed, n) {
  const base = mix(BigInt(seed) + GAMMA);
  return Array.from({ length: n }, (_, i) => Number(mix(base + BigInt(i + 1) * GAMMA) >> 11n));
}

// The answers of the server, one per row: Uint8Array of a file, or nested arrays of numbers.
export async function sample(seeds, { url = URL_OF_MODEL, label = 0 } = {}) {
  const instances = seeds.map((seed) => (TAKES_LABEL ? { seed, label } : { seed }));
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ signature_name: SIGNATURE, instances }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`The server answers ${answer.status}: ${body.error}`);
  return body.predictions
    .map((row) => (row !== null && typeof row === "object" && OUTPUT in row ? row[OUTPUT] : row))
    .map((row) => (row.b64 === undefined ? row : Uint8Array.from(atob(row.b64), (character) => character.charCodeAt(0))));
}

// Writes sample-0, sample-1, ... into the working directory.
async function main(words) {
  const { writeFile } = await import("node:fs/promises");
  const option = (name, otherwise) => (words.includes(name) ? words[words.indexOf(name) + 1] : otherwise);
  const seeds = rowSeeds(option("--seed", "0"), Number(option("-n", "4")));
  const rows = await sample(seeds, { url: option("--url", URL_OF_MODEL), label: Number(option("--label", "0")) });
  for (const [i, row] of rows.entries()) {
    await writeFile(`sample-${i}${ENDING}`, row instanceof Uint8Array ? row : JSON.stringify(row));
    console.log(`sample-${i}${ENDING}`);
  }
}

const startedByNode = typeof process !== "undefined" && process.argv[1]?.endsWith("sample.mjs");
if (startedByNode) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
