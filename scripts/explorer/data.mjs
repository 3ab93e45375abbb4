// Blocks of data: scripts beside the page, or elements of it where the page is one file.

const arrived = new Map(); // name -> the packed block, until it is read
const read = new Map(); // name -> promise of the value
const KEPT = 60;

window.fimscope = (name, block) => arrived.set(name, block);

/** The value of a block. Rejects with an Error for people where it cannot be had. */
export function loadBlock(name) {
  if (!read.has(name)) {
    if (read.size > KEPT) read.delete([...read.keys()].find((key) => key !== "index"));
    const value = packedBlock(name).then(inflate);
    value.catch(() => read.delete(name));
    read.set(name, value);
  }
  return read.get(name);
}

async function packedBlock(name) {
  if (document.getElementById("block-index")) return inPage(name);
  if (!arrived.has(name)) await loadScript(`data/${name}.js`);
  const block = arrived.get(name);
  arrived.delete(name);
  return block;
}

/** The block's element; a page of many megabytes may still be arriving. */
async function inPage(name) {
  const found = () => document.getElementById(`block-${name}`);
  const whole = () => document.readyState !== "loading";
  // An element may be there before its text is whole: the next one says that it is.
  while (!whole() && !found()?.nextElementSibling) {
    await new Promise((done) => setTimeout(done, 20));
  }
  if (!found()) throw new Error("This file is not whole: the example is missing from it.");
  return found().textContent;
}

function loadScript(path) {
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = path;
    script.onload = () => (script.remove(), done());
    script.onerror = () => fail(new Error(`${path} is missing. Keep the folder together.`));
    document.head.append(script);
  });
}

async function inflate(block) {
  const bytes = Uint8Array.from(atob(block), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}
