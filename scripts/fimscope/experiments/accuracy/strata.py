"""The kinds of holes and of golds that an effect of an edit is told of one by one."""

import re
from collections import Counter
from collections.abc import Sequence

GOLDS = ("commonest", "other builtin", "own")
IDENTIFIER = re.compile(r"[\w$]+")
KEYWORDS = frozenset(
    """
    any asserts bigint boolean false infer is keyof never null number object readonly string
    symbol this true typeof undefined unique unknown void
    """.split()  # noqa: SIM905
)
# What the language's own library declares (TypeScript's lib.es*.d.ts), but for its constructors.
LIBRARY = frozenset(
    """
    AggregateError Array ArrayBuffer ArrayBufferLike ArrayBufferTypes ArrayBufferView
    ArrayIterator ArrayLike AsyncDisposable AsyncDisposableStack AsyncGenerator
    AsyncGeneratorFunction AsyncIterable AsyncIterableIterator AsyncIterator
    AsyncIteratorObject Atomics Awaited BigInt BigInt64Array BigIntToLocaleStringOptions
    BigUint64Array Boolean BuiltinIteratorReturn CallableFunction Capitalize ConcatArray
    ConstructorParameters DataView Date Disposable DisposableStack Error ErrorOptions
    EvalError Exclude Extract FinalizationRegistry FlatArray Float16Array Float32Array
    Float64Array Function Generator GeneratorFunction IArguments ImportAssertions
    ImportAttributes ImportCallOptions ImportMeta Infinity InstanceType Int16Array Int32Array
    Int8Array Intl Iterable IterableIterator Iterator IteratorObject IteratorResult
    IteratorReturnResult IteratorYieldResult JSON Lowercase Map MapIterator Math NaN
    NewableFunction NoInfer NonNullable Number Object Omit OmitThisParameter Parameters
    Partial Pick Promise PromiseConstructorLike PromiseFulfilledResult PromiseLike
    PromiseRejectedResult PromiseSettledResult PromiseWithResolvers PropertyDescriptor
    PropertyDescriptorMap PropertyKey Proxy ProxyHandler RangeError Readonly ReadonlyArray
    ReadonlyMap ReadonlySet ReadonlySetLike Record ReferenceError Reflect RegExp
    RegExpExecArray RegExpIndicesArray RegExpMatchArray RegExpStringIterator Required
    ReturnType Set SetIterator SharedArrayBuffer String StringIterator SuppressedError Symbol
    SyntaxError TemplateStringsArray Temporal ThisParameterType ThisType TypeError
    TypedPropertyDescriptor URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray
    Uncapitalize Uppercase WeakKey WeakKeyTypes WeakMap WeakRef WeakSet
    """.split()  # noqa: SIM905
)


def gold_stratum(gold: str, commonest: str) -> str:
    """One of GOLDS: the commonest of the study, another that the language has, or code's own.

    A type is the language's where every name in it is: a keyword, or declared by its library.
    """
    if gold == commonest:
        return GOLDS[0]
    names = [name for name in IDENTIFIER.findall(gold) if not name[0].isdigit()]
    return GOLDS[1] if KEYWORDS.union(LIBRARY).issuperset(names) else GOLDS[2]


def commonest_of(golds: Sequence[str]) -> str:
    """The commonest of them, of equals the first by the alphabet."""
    return min(Counter(golds).items(), key=lambda item: (-item[1], item[0]))[0]
