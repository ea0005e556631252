// Evaluates expressions with GitHub's own library; generate.py starts it.
// node evaluate.mjs FOLDER-OF-NODE_MODULES < {"contexts": ..., "functions": ..., "expressions": [...]} > [result, ...]
// A result is "error" or {"value": ...}; a number that JSON has not is {"number": "NaN"}, an object {"object": ...}.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const library = join(resolve(process.argv[2]), "@actions", "expressions", "dist");
const load = (name) => import(pathToFileURL(join(library, name)).href);
const [data, { Lexer }, { Parser }, { Evaluator }, { Kind }] = await Promise.all(
  ["data/index.js", "lexer.js", "parser.js", "evaluator.js", "data/expressiondata.js"].map(load),
);

const input = JSON.parse(readFileSync(0, "utf8"));
const contexts = JSON.parse(JSON.stringify(input.contexts), data.reviver);
const functions = Object.entries(input.functions).map(([name, { value, least, most }]) => ({
  name,
  minArgs: least,
  maxArgs: most,
  call: () => new data.BooleanData(value),
}));
const byName = new Map(functions.map((each) => [each.name.toLowerCase(), each]));

function plain(value) {
  switch (value.kind) {
    case Kind.Null:
      return null;
    case Kind.Number:
      return Number.isFinite(value.value) ? value.value : { number: String(value.value) };
    case Kind.Array:
      return value.values().map(plain);
    case Kind.Dictionary:
      return { object: Object.fromEntries(value.pairs().map(({ key, value }) => [key, plain(value)])) };
    default:
      return value.value;
  }
}

function evaluated(text) {
  try {
    const { tokens } = new Lexer(text).lex();
    const tree = new Parser(tokens, contexts.pairs().map(({ key }) => key), functions).parse();
    return { value: plain(new Evaluator(tree, contexts, byName).evaluate()) };
  } catch {
    return "error";
  }
}

process.stdout.write(JSON.stringify(input.expressions.map(evaluated)));
