// What the gateway says of documents and variables made at random, compared with
// what graphql-js says of the same: whether the request is refused, with how many
// errors and where, and, for a mutation that is not, which values go out.
//
// Exceptions that are intended:
//   - The gateway refuses what is beyond its limits (QUERY_TOO_COMPLEX), and in
//     inputs ids that are empty or of another type.
//   - A null variable where null may not stand is an error of execution to
//     graphql-js and a request error to the gateway: see nulls.
//   - Conditions on the root field of a subscription: see conditionalRoots.
//   - Number and place of errors are compared where all are about values. The
//     parser and the other rules are gqlparser's, which places some differently.
//
//   SEED=7 COUNT=20000 npm run differential   looks further than CI does
//   SEED=7 ONLY=812 npm run differential      shows one case
import { GraphQLError, Kind, TypeInfo, ValuesOfCorrectTypeRule, buildSchema, isNonNullType, parse, specifiedRules, validate, visit, visitWithTypeInfo } from 'graphql';
import { getArgumentValues, getVariableValues } from 'graphql/execution/values.js';
import { generator } from './generator.mjs';

const url = process.env.GATEWAY_URL;
const base = new URL(url).origin;
const seed = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 6000);
const only = process.env.ONLY === undefined ? undefined : Number(process.env.ONLY);

const schema = buildSchema(await (await fetch(`${base}/schema.graphql`)).text());

// The scalars of the schema as its descriptions have them.
const isText = (v) => typeof v === 'string';
const scalars = {
  Date: (v) => isText(v) && /^\d{4}-\d\d-\d\d$/.test(v) && !Number.isNaN(Date.parse(v)) && new Date(v).toISOString().startsWith(v),
  Decimal: (v) => /^-?\d+(\.\d+)?$/.test(String(v)) && typeof v !== 'boolean',
  URL: isText,
  HTML: isText,
  EmailAddress: isText,
};
for (const [name, takes] of Object.entries(scalars)) {
  const type = schema.getType(name);
  const parseValue = (v) => {
    if (!takes(v)) throw new GraphQLError(`not a ${name}`);
    return String(v);
  };
  Object.assign(type, {
    parseValue,
    parseLiteral: (node) => {
      const number = node.kind === Kind.INT || node.kind === Kind.FLOAT;
      if ((node.kind !== Kind.STRING && !(number && name === 'Decimal')) || !takes(node.value)) throw new GraphQLError(`not a ${name}`, { nodes: node });
      return String(node.value);
    },
  });
}

// expected is what graphql-js says: the errors of a request that is refused.
function expected({ query, variables, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch (err) {
    return { errors: [err], elsewhere: true };
  }
  let errors = conditionalRoots(document);
  if (errors.length > 0) return { errors, elsewhere: true }; // graphql-js throws on variables there
  errors = validate(schema, document, specifiedRules, { maxErrors: 1000 });
  const others = specifiedRules.filter((rule) => rule !== ValuesOfCorrectTypeRule);
  if (errors.length > 0) return { errors, elsewhere: validate(schema, document, others).length > 0 };
  const operations = document.definitions.filter((d) => d.kind === Kind.OPERATION_DEFINITION);
  const operation = operationName ? operations.find((o) => o.name?.value === operationName) : operations.length === 1 ? operations[0] : undefined;
  if (!operation) return { errors: [new GraphQLError('no such operation')] };
  const { coerced, errors: wrong } = getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {});
  if (wrong) return { errors: wrong };
  return { errors: nulls(document, operation, coerced), document, operation, coerced };
}

// conditionalRoots is the part of section 5.2.4.1 that graphql-js has from
// version 17 on.
function conditionalRoots(document) {
  const errors = [];
  const fragments = Object.fromEntries(document.definitions.filter((d) => d.kind === Kind.FRAGMENT_DEFINITION).map((f) => [f.name.value, f]));
  for (const operation of document.definitions) {
    if (operation.operation !== 'subscription') continue;
    const seen = new Set();
    const conditional = (set) =>
      set.selections.some(
        (s) =>
          s.directives?.some((d) => ['skip', 'include'].includes(d.name.value)) ||
          (s.kind === Kind.INLINE_FRAGMENT && conditional(s.selectionSet)) ||
          (s.kind === Kind.FRAGMENT_SPREAD && fragments[s.name.value] && !seen.has(s.name.value) && seen.add(s.name.value) && conditional(fragments[s.name.value].selectionSet)),
      );
    if (conditional(operation.selectionSet)) errors.push(new GraphQLError('a condition on a root field', { nodes: operation }));
  }
  return errors;
}

// nulls are the nullable variables that are null where null may not be. To
// graphql-js they are errors of execution, each of one field. The gateway refuses
// the request, so that nothing has run.
function nulls(document, operation, coerced) {
  const errors = [];
  const used = new Set();
  const fragments = Object.fromEntries(document.definitions.filter((d) => d.kind === Kind.FRAGMENT_DEFINITION).map((f) => [f.name.value, f]));
  const within = (node) => {
    const info = new TypeInfo(schema);
    visit(
      { kind: Kind.DOCUMENT, definitions: [node] },
      visitWithTypeInfo(info, {
        VariableDefinition: () => false,
        FragmentSpread(spread) {
          if (!used.has(spread.name.value)) {
            used.add(spread.name.value);
            within(fragments[spread.name.value]);
          }
        },
        Variable(variable) {
          const type = info.getInputType();
          const name = variable.name.value;
          if (type && isNonNullType(type) && name in coerced && coerced[name] === null) errors.push(new GraphQLError('null', { nodes: variable }));
        },
      }),
    );
  };
  within(operation);
  return errors;
}

// ours says whether an error has a reason that graphql-js does not know.
const ours = (e) => e.extensions.code === 'QUERY_TOO_COMPLEX' || e.message.includes('is expected here');

// Where an error is. graphql-js often names two places, the gateway the first or
// the second of them.
const places = (e) => (e.locations ?? []).map((l) => `${l.line}:${l.column}`);

async function ask(request, headers = {}) {
  const res = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json, text/event-stream;q=0.5', ...headers },
    body: request.text,
  });
  return { status: res.status, ...(await res.json()) };
}

// compare says how the gateway differs, "" for not at all.
async function compare(request) {
  const js = expected(request);
  const answer = await ask(request);
  const errors = answer.errors ?? [];
  if (errors.some(ours)) return { skipped: true };
  if (errors.some((e) => e.extensions.code === 'INTERNAL')) return { difference: 'INTERNAL' };
  const refused = errors.length > 0 && !errors.some((e) => e.extensions.code === 'UNAUTHENTICATED');
  if (refused !== js.errors.length > 0) return { difference: refused ? `only the gateway refuses: ${errors[0].message}` : `only graphql-js refuses: ${js.errors[0].message}` };
  if (!refused) return { accepted: true, js };
  if (answer.status !== 400 || 'data' in answer || errors.some((e) => e.path)) return { difference: `status ${answer.status}: ${JSON.stringify(answer)}` };
  if (js.elsewhere) return {};
  if (js.errors.length > 10) return errors.length === 10 ? {} : { difference: `${errors.length} errors, graphql-js has more than 10` };
  const theirs = [...js.errors];
  const mine = errors.filter((e) => {
    const at = theirs.findIndex((t) => places(t).includes(places(e)[0]) || (places(t).length === 0 && places(e).length === 0));
    if (at >= 0) theirs.splice(at, 1);
    return at < 0;
  });
  if (theirs.length + mine.length === 0) return {};
  const list = (es) => es.map((e) => `${e.message} (${places(e).join(', ')})`).join(' | ') || 'nothing';
  return { difference: `the gateway says ${list(mine)}, graphql-js says ${list(theirs)}` };
}

// The partner's spelling of a value is the schema's but for case and signs.
const plain = (v) => String(v).replace(/^[A-Z]\w+:/, '').toUpperCase().replace(/[ .-]/g, '_');
const leaves = (v) => (v === null ? ['NULL'] : typeof v === 'object' ? Object.values(v).flatMap(leaves) : [plain(v)]);

// sent compares the values of a mutation with what reached the partner.
async function sent(request, { operation, coerced }) {
  const field = operation.selectionSet.selections[0];
  const definition = schema.getMutationType().getFields()[field.name.value];
  const { input } = getArgumentValues(definition, field, coerced);
  await fetch(`${base}/_sandbox/calls`, { method: 'DELETE' });
  await ask(request, { authorization: 'Bearer sandbox-practitioner' });
  const { calls } = await (await fetch(`${base}/_sandbox/calls`)).json();
  const call = calls.find((c) => c.method !== 'GET');
  if (!call) return ''; // refused by the gateway's own checks of what it writes
  const want = leaves({ ...input, idempotencyKey: [] }).sort();
  const got = [...leaves(call.body ? JSON.parse(call.body) : {})];
  const missing = want.filter((v) => !got.includes(v) && !call.path.toUpperCase().replace(/[ .-]/g, '_').includes(v));
  return missing.length > 0 ? `${missing} did not reach the partner: ${call.body}` : '';
}

const kinds = new Map();
let [accepted, refused, skipped, written] = [0, 0, 0, 0];
for (let n = 0; n < count; n++) {
  if (only !== undefined && n !== only) continue;
  const request = generator(schema, seed * 1_000_003 + n);
  let result = await compare(request);
  if (result.skipped) skipped++;
  else if (result.accepted) accepted++;
  else refused++;
  if (result.accepted && request.writes) {
    const difference = await sent(request, result.js);
    written++;
    if (difference) result = { difference };
  } else if (result.accepted && request.query.startsWith('query')) {
    const { errors = [] } = await ask(request, { authorization: 'Bearer sandbox-practitioner' });
    if (errors.some((e) => e.extensions.code === 'INTERNAL')) result = { difference: 'INTERNAL when it runs' };
  }
  if (only !== undefined) console.log(request.text, result);
  if (result.difference) {
    const kind = result.difference.replace(/"[^"]*"|\d+:\d+|\d+|\$\w+(\.\w+|\[\d+\])*/g, '…').slice(0, 120);
    if (!kinds.has(kind)) kinds.set(kind, []);
    kinds.get(kind).push({ n, request, ...result });
  }
}
for (const [kind, cases] of [...kinds].sort((a, b) => b[1].length - a[1].length)) {
  const [{ n, request, difference }] = cases.sort((a, b) => a.request.text.length - b.request.text.length);
  console.error(`\n${cases.length} × ${kind}\n  SEED=${seed} ONLY=${n}: ${difference}\n  ${request.text}`);
}
console.log(`differential: ${accepted} taken, ${refused} refused, ${written} written, ${skipped} beyond a limit, ${[...kinds.values()].flat().length} differ`);
if (kinds.size > 0) process.exit(1);
