// How operations travel: JSON over POST; @defer and @stream as multipart;
// subscriptions as server-sent events, which unlike a WebSocket carry the
// headers of the headers editor.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { createClient } from 'graphql-sse';
import { BREAK, Kind, parse, visit } from 'graphql';
import { endpoint } from './config.js';

const whole = createGraphiQLFetcher({ url: endpoint, enableIncrementalDelivery: false });
const inParts = createGraphiQLFetcher({ url: endpoint, enableIncrementalDelivery: true });

export async function fetcher({ operationName: chosen, ...params }, options = {}) {
  const headers = withoutEmptyToken(options.headers);
  const document = parsed(params.query);
  // What GraphiQL says of the document is a moment old: right after a change of tab it names the operation of the last one.
  const operations = document?.definitions.filter(d => d.kind === Kind.OPERATION_DEFINITION) ?? [];
  const operation = operations.length === 1 ? operations[0] : operations.find(o => o.name?.value === chosen);
  const operationName = document ? operation?.name?.value : chosen;
  if (operation?.operation === 'subscription') {
    return createClient({ url: endpoint, headers, retryAttempts: 0 }).iterate({ ...params, operationName });
  }
  if (!document || isIncremental(document) || operationName === 'IntrospectionQuery') {
    return (document && isIncremental(document) ? inParts : whole)({ ...params, operationName }, { headers });
  }
  const asked = Object.keys(headers).some(name => name.toLowerCase() === costHeader.toLowerCase());
  const answer = await whole({ ...params, operationName }, { headers: asked ? headers : { ...headers, [costHeader]: '1' } });
  return noted(answer, asked);
}

const costHeader = 'X-Gateway-Cost';
let latest;
const watching = new Set();

/** What the last answer cost, and the codes of its errors: {cost, codes}. */
export const last = () => latest;

/** Calls f after each answer, until the function is called that it returns. */
export function watch(f) {
  watching.add(f);
  return () => watching.delete(f);
}

/** Keeps what an answer cost, and leaves it out of the answer if only the page asked for it. */
function noted(answer, asked) {
  const { cost, ...extensions } = answer.extensions ?? {};
  latest = { cost, codes: [...new Set((answer.errors ?? []).map(e => e.extensions?.code).filter(Boolean))] };
  for (const f of watching) f();
  if (asked || !cost) return answer;
  const { extensions: _, ...rest } = answer;
  return Object.keys(extensions).length > 0 ? { ...rest, extensions } : rest;
}

function parsed(query) {
  try {
    return parse(query);
  } catch {
    return undefined; // the gateway says better what is wrong with it
  }
}

/** "Bearer" and nothing behind it is a place to fill in, not a token. */
export function withoutEmptyToken(headers = {}) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => !(/^authorization$/i.test(name) && /^\s*(bearer)?\s*$/i.test(value))),
  );
}

function isIncremental(document) {
  let found = false;
  visit(document, {
    Directive(node) {
      if (node.name.value !== 'defer' && node.name.value !== 'stream') return undefined;
      found = true;
      return BREAK;
    },
  });
  return found;
}
