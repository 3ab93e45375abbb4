// Where the reader is, in the address behind the #: a link to it opens the same view again.

/** { page: "list" | "example", id, parameters: Map } of the address. */
export function currentRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parameters = new Map(new URLSearchParams(query));
  const [page, id] = path.split("/");
  return page === "example" && id
    ? { page, id: decoded(id), parameters }
    : { page: "list", id: null, parameters };
}

/** A part of an address; as it stands, where it encodes no text. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a view. Parameters that are empty are left out. */
export function routeAddress(page, id, parameters) {
  const filled = [...parameters].filter(([, value]) => value !== "" && value !== null);
  const query = new URLSearchParams(filled).toString();
  const path = page === "example" ? `#/example/${encodeURIComponent(id)}` : "#/";
  return query ? `${path}?${query}` : path;
}

/** Say a change of the present view in the address, without a step in the history. */
export function noteParameter(name, value) {
  const { page, id, parameters } = currentRoute();
  parameters.set(name, String(value ?? ""));
  history.replaceState(history.state, "", routeAddress(page, id, parameters));
}
