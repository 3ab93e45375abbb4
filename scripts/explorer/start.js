// The scripts of the single-file page, which stand before this one deflated as its data does.
{
  const packed = document.currentScript.previousElementSibling.textContent;
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  new Response(stream).json().then((texts) => {
    for (const text of texts) {
      const script = document.createElement("script");
      script.textContent = text;
      document.head.append(script); // it runs at once, if its hash is in the page's policy
    }
  });
}
