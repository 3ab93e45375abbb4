// The sites of an edit that the type checker allows, and the share of them that is changed.

import { errorsByPlace, missingErrors, placeStarts } from "../error_places.mjs";
import { gaveUp, tooComplex } from "../limits.mjs";
import { errorsOf } from "../program.mjs";
import { addedSpans, drawnOrder, inOrder, replace, shareOf } from "./sites.mjs";

const MAX_CHECKS = 24;
const FIRST_OF_TYPES = 2000; // the codes below are of syntax and grammar
const DOSES = [0.25, 0.5, 0.75, 1];

// "... implicitly has type any" stands at the declaration that lacks its annotation.
const IMPLICIT_ANY = new Set([
  7005, 7006, 7008, 7010, 7011, 7015, 7018, 7019, 7022, 7023, 7024, 7031, 7032, 7033, 7034, 7041,
  7050, 7051,
]);

/**
 * A share of the sites that the checker allows. A smaller share can need what a larger one does
 * not, so the shares grow by steps, each checked anew: for one seed a smaller share's sites are
 * among those of a larger one. A generator, as all here that asks for errors: it yields texts in
 * front of asking for theirs (foresight.mjs).
 *
 * sites      with `name`, a word that stands where the checker would complain of each, and
 *            `starts`, the places where it would say that a type is missing; `keepsSyntax` where
 *            the text is parsed as before
 * mayVanish  errors may go, though none may come
 * likely     those of the sites that are allowed where they are so together; undefined: none known
 */
export function* allowedShare(text, sites, options, share, mayVanish, likely) {
  const search = new Search(text, mayVanish);
  const isEnough = likely !== undefined && (yield* search.otherErrors(likely)).length === 0;
  const all = isEnough ? likely : yield* search.extend([], sites);
  if (share.count === null && share.dose === 1) return all;
  const drawn = drawnOrder(all.length, share.name, options).map((index) => all[index]);
  const ends = share.count === null ? DOSES.filter((dose) => dose <= share.dose) : [share];
  let chosen = [];
  let from = 0;
  for (const end of ends) {
    const to = share.count === null ? Math.ceil(end * all.length) : shareOf(all.length, share);
    chosen = yield* search.extend(chosen, drawn.slice(from, to));
    from = to;
  }
  const isChosen = new Set(chosen);
  return sites.filter((site) => isChosen.has(site));
}

/** The sites that the checker allows, as many as a search of so many checks finds. */
export function* allowedSites(text, sites, mayVanish) {
  return yield* new Search(text, mayVanish).extend([], sites);
}

/** Looks for the sites that can change with no other errors, by a bounded number of checks. */
class Search {
  constructor(text, mayVanish) {
    this.text = text;
    this.mayVanish = mayVanish;
    this.checks = 0;
  }

  /** The accepted sites, and as many of the candidates as are allowed beside them. */
  *extend(accepted, candidates) {
    let left = candidates;
    let errors = yield* this.otherErrors([...accepted, ...left]);
    while (errors.length > 0) {
      const blamed = blamedSites(errors, left);
      if (blamed.size === 0) break;
      left = left.filter((site) => !blamed.has(site));
      errors = yield* this.otherErrors([...accepted, ...left]);
    }
    if (errors.length === 0) return [...accepted, ...left];
    const isSuspect = suspicion(errors);
    const chosen = yield* this.split(accepted, left.filter((site) => !isSuspect(site)));
    return yield* this.split(chosen, left.filter(isSuspect));
  }

  /** Accepts candidates all together, or else each half alone. */
  *split(accepted, candidates) {
    if (candidates.length === 0 || this.checks >= MAX_CHECKS) return accepted;
    if ((yield* this.otherErrors([...accepted, ...candidates])).length === 0) {
      return [...accepted, ...candidates];
    }
    if (candidates.length === 1) return accepted;
    const middle = candidates.length >> 1;
    const first = yield* this.split(accepted, candidates.slice(0, middle));
    return yield* this.split(first, candidates.slice(middle));
  }

  changed(sites) {
    return replace(this.text, sites.flatMap((site) => site.replacements));
  }

  /** The places of the text after replacements; what they do not break need not be parsed. */
  startsAfter(after, added, replacements) {
    if (errorsOf(after).some(({ code }) => code < FIRST_OF_TYPES)) return placeStarts(after, added);
    this.starts ??= placeStarts(this.text);
    return movedStarts(this.starts, replacements);
  }

  /** The errors that changing sites brings or takes: `{code, line, at}`, `at` in the old text. */
  *otherErrors(sites) {
    if (sites.length === 0) return [];
    this.checks += 1;
    const replacements = sites.flatMap((site) => site.replacements);
    const after = this.changed(sites);
    yield [this.text, after];
    this.was ??= errorsByPlace(this.text);
    const startsOf = sites.every(({ keepsSyntax }) => keepsSyntax)
      ? (text, added) => this.startsAfter(text, added, replacements)
      : undefined;
    const is = errorsByPlace(after, addedSpans(replacements), startsOf);
    const added = missingErrors(is, this.was);
    if (gaveUp(added.map(({ diagnostic }) => diagnostic))) {
      throw tooComplex("with its sites changed the checker gives its types up as too deep");
    }
    const come = added.map(({ diagnostic }) => ({
      code: diagnostic.code,
      line: lineOf(diagnostic, after),
      at: placeBefore(diagnostic.start ?? 0, replacements),
    }));
    if (this.mayVanish) return come;
    const gone = missingErrors(this.was, is).map(({ diagnostic }) => ({
      code: diagnostic.code,
      line: lineOf(diagnostic, this.text),
      at: diagnostic.start ?? 0,
    }));
    return [...come, ...gone];
  }
}

/** Where what begins at some ascending places of a text begins after replacements around them. */
export function movedStarts(starts, replacements) {
  const ordered = inOrder(replacements);
  let next = 0;
  let shift = 0;
  return starts.map((start) => {
    for (; next < ordered.length && ordered[next].end <= start; next += 1) {
      const { start: from, end, text } = ordered[next];
      shift += text.length - (end - from);
    }
    return start + shift;
  });
}

/** The line of a text at which an error begins, to the end of the line at which it ends. */
function lineOf({ start = 0, length = 0 }, text) {
  const from = text.lastIndexOf("\n", start) + 1;
  const to = text.indexOf("\n", start + length);
  return text.slice(from, to < 0 ? text.length : to).slice(0, 2000);
}

/** The place in the old text of a place in the new one. */
function placeBefore(at, replacements) {
  let place = at;
  for (const { start, end, text } of [...replacements].sort((a, b) => a.start - b.start)) {
    if (start >= place) break;
    place += end - start - text.length;
  }
  return place;
}

function blamedSites(errors, sites) {
  const places = new Set(errors.filter(({ code }) => IMPLICIT_ANY.has(code)).map(({ at }) => at));
  return new Set(sites.filter((site) => site.starts.some((start) => places.has(start))));
}

function suspicion(errors) {
  const identifier = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu;
  const words = new Set(errors.flatMap(({ line }) => line.match(identifier)));
  return ({ name }) => name === undefined || words.has(name);
}
