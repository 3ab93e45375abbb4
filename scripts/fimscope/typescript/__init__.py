"""The TypeScript compiler: holes, edits, their proofs, types in completions."""
