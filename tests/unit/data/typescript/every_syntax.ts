#!/usr/bin/env node
"use strict";
import def, { a as b, type T1 } from "m";
import type * as ns from "./n.js";
import json from "./o.json" with { type: "json" };
import fs = require("fs");
import Alias = Space.Inner;
export * as all from "m";
export { b as c, type T1 as T2 };
export type { ns };

declare const ambient: string, second: number;
declare let changing: unique symbol;
declare function overload(this: Date, x?: string, ...rest: number[]): asserts x is "a";
declare function overload<const T extends object = {}>(x: T): x is T;
declare abstract class Base<in out T> {
  static readonly size: number;
  protected abstract name?: string;
  private constructor(x: T);
  abstract get value(): T;
  declare field: T;
  method(): this;
  [key: string]: unknown;
}
declare enum Ambient { one, two = 2 }
declare namespace Space { type Inner = 1; const hidden: 2; function f(x: 1): 2 }
declare module "other" { export interface Box<T> { v: T } export default Box; }
declare global { interface Window { own: boolean } var own: 1; }

enum Colour { red = 1, green = red << 1, blue = "b".length, "a-b" }
const enum Direct { up, down = -1 }
interface Shape<T = string> extends Window, Iterable<T> {
  readonly kind: "shape";
  size?: number;
  (x: T): void;
  new (x: T): Shape<T>;
  method?<U>(this: this, x: U): asserts x;
  get width(): number;
  set width(value: number);
  readonly [index: number]: T;
}
type Fn = (a: string, ...b: readonly number[]) => a is "x";
type Ctor = abstract new (x: 1) => object;
type Mapped<T> = { -readonly [K in keyof T as `on${K & string}`]+?: T[K] };
type Cond<T> = T extends [infer U extends string, ...rest: (infer R)[]] ? U | R : never;
type Query = typeof import("m", { with: { "resolution-mode": "import" } });
type Tuple = [first: 1, second?: -2n, ...string[]] & { a: typeof ambient.length } | null;
export default interface Exported { x: import("m").T1<typeof b> }

function deco(target: any, context?: any): any { return target; }
abstract class Service<T> extends (class {} as any)<T> implements Shape<T>, ns.X {
  #secret = 1 as const;
  static #count: number = 0;
  @deco private hidden!: string;
  @deco() accessor shown = 2;
  declare readonly typed: T;
  static { this.#count += 1; }
  constructor(private readonly x: number, public y?: T, ...z: any[]) { super(x); }
  abstract todo(): void;
  override async *[Symbol.iterator](@deco a: string = "x", b?: T): any { yield* [a, b!]; }
  get width() { return this.#secret; }
  set width(value: number) { #secret in this; }
}
namespace Space2.Deep { export const open = 1; const shut = open; export import X = Colour; }

/** A function, {@link run}. */
export async function run<T,>(size: number, { x, y: [z = 1], ...o }: any): Promise<void> {
  label: for (const key of [1, 2, ...o]) { if (key > size) continue label; else break label; }
  for await (let i of o) { i++; --size; }
  for (var i = 0, n = 2; i < n; i += 1) do { i ||= n ** 2; } while (!i);
  switch (typeof size) { case "number": { break; } default: throw new Error(`a${size}b${z}`); }
  try { await using res = o; res?.[0]?.(x); } catch ({ message }) { void message; } finally { ; }
  const obj = { x, [z]: size, "q": 0x1f, get g() { return 1n; }, async m() {}, ...o, 2: /a+/gi };
  const fn = async <U,>(a: U): Promise<U> => (await a, a) as unknown as U satisfies unknown;
  ({ x, z: obj.q } = o); // an assignment
  delete obj.q; new.target; import.meta.url; <any>fn; fn!<string>; obj.q!;
  var t = String.raw`c\n${x ? size : -z}`; return void (debugged ?? (t, function named() {}));
  debugger;
}
declare var debugged: any;
export = fs;
