// The nodes of a syntax tree in one list: to go through it takes a fraction of a walk.

import ts from "typescript";

const lists = new WeakMap();

/**
 * Give each node of a tree its parent, and the tree its list. The result says whether that was
 * done: not where the tree has more levels than `maxDepth`.
 */
export function link(sourceFile, maxDepth) {
  const nodes = [];
  const ends = [];
  let parent = sourceFile;
  let depth = 0;
  const visit = (node) => {
    if (depth === maxDepth) return true;
    const outer = parent;
    const index = nodes.length;
    node.parent = outer;
    nodes.push(node);
    ends.push(0);
    parent = node;
    depth += 1;
    const isTooDeep = ts.forEachChild(node, visit);
    ends[index] = nodes.length;
    depth -= 1;
    parent = outer;
    return isTooDeep;
  };
  if (ts.forEachChild(sourceFile, visit)) return false;
  lists.set(sourceFile, { nodes, ends });
  return true;
}

/** The index of the root, which is not in the list. */
export const ROOT = -1;

/** The node of an index in the list of a linked tree. */
export function nodeAt(sourceFile, index) {
  return index === ROOT ? sourceFile : lists.get(sourceFile).nodes[index];
}

/**
 * The indices of a node's children in the order of their text. Between them stands what no node
 * is: keywords, punctuation, white space and comments.
 */
export function inSourceOrder(sourceFile, index) {
  const { nodes, ends } = lists.get(sourceFile);
  const end = index === ROOT ? nodes.length : ends[index];
  const children = [];
  let isSorted = true;
  for (let child = index + 1; child < end; child = ends[child]) {
    isSorted &&= children.length === 0 || nodes[children.at(-1)].pos <= nodes[child].pos;
    children.push(child);
  }
  return isSorted ? children : children.sort((a, b) => nodes[a].pos - nodes[b].pos);
}

/** All nodes of a linked tree but its root, each in front of what is in it. */
export function nodesOf(sourceFile) {
  return lists.get(sourceFile).nodes;
}

/** The wanted nodes of a linked tree, in that order, outside of all that are skipped. */
export function nodesOutside(sourceFile, isSkipped, isWanted) {
  const { nodes, ends } = lists.get(sourceFile);
  const wanted = [];
  for (let index = 0; index < nodes.length; ) {
    const node = nodes[index];
    if (isSkipped(node)) {
      index = ends[index];
    } else {
      if (isWanted(node)) wanted.push(node);
      index += 1;
    }
  }
  return wanted;
}
