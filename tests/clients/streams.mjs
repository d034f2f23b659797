// Subscriptions with the clients that people use for them, against a running
// gateway: what they are told, what they do when their connection is cut or the
// gateway is replaced by another, and the codes that close a socket.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedProtocolErrors } from '@apollo/client/errors';
import { createClient as createSSE } from 'graphql-sse';
import { createClient as createWS } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.env.GATEWAY_URL;
const authorization = 'Bearer sandbox-practitioner';
const query = 'subscription Watch($after: ID) { events(after: $after) { fullscriptId } }';

/** Makes the partner tell of events, one after the other, and gives their ids. */
async function emit(count, control = new URL('/', url)) {
  const res = await fetch(new URL('/_sandbox/webhooks', control), { method: 'POST', body: JSON.stringify({ type: 'patient.updated', count }) });
  const { sent } = await res.json();
  assert.ok(sent.every((s) => s.delivered), JSON.stringify(sent));
  return sent.map((s) => s.event_id);
}

/** Stands between clients and a gateway, until it cuts all their connections. */
class Proxy {
  #server = createServer((client) => {
    const gateway = connect(this.port, '127.0.0.1');
    for (const [from, to] of [[client, gateway], [gateway, client]]) {
      this.#open.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.#open.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  #open = new Set();

  async listen(port) {
    this.port = port;
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/graphql`;
    return this;
  }

  cut() {
    for (const s of this.#open) s.resetAndDestroy();
  }

  close() {
    this.cut();
    this.#server.close();
  }
}

const at = (address) => new URL(address).port;
const socketOf = (address) => address.replace(/^http/, 'ws');

/** What a watcher has seen, and a promise of so much of it. */
class Seen {
  ids = [];
  errors = [];
  closes = [];
  #waiting = [];

  add(id) {
    this.ids.push(id);
    this.#waiting = this.#waiting.filter(({ n, done }) => this.ids.length < n || done());
  }

  count(n) {
    return new Promise((done) => (this.ids.length >= n ? done() : this.#waiting.push({ n, done })));
  }
}

// Each watches from the event after on, comes back by itself when its
// connection is lost, and says then what it has seen last.
const watchers = {
  'graphql-ws': (address, after) => {
    const seen = new Seen();
    const client = createWS({
      url: socketOf(address),
      webSocketImpl: WebSocket,
      connectionParams: { Authorization: authorization },
      retryAttempts: 1000,
      retryWait: () => new Promise((r) => setTimeout(r, 10)),
      shouldRetry: () => true, // else it gives up if a connection is cut while it is made
      on: { closed: ({ code }) => seen.closes.push(code) },
    });
    const request = { query, variables: { after } };
    client.subscribe(request, {
      next({ data, extensions }) {
        request.variables.after = extensions.eventId; // is sent when it subscribes anew
        seen.add(data.events.fullscriptId);
      },
      error: (e) => seen.errors.push(e),
      complete() {},
    });
    return { seen, stop: () => client.dispose() };
  },

  'graphql-sse': (address, after) => {
    const seen = new Seen();
    const client = createSSE({ url: address, headers: { authorization }, retryAttempts: 1000, retry: () => new Promise((r) => setTimeout(r, 10)) });
    const request = { query, variables: { after } };
    const stop = client.subscribe(request, {
      next({ data, errors, extensions }) {
        if (errors) {
          seen.closes.push(errors[0].extensions.code);
          return;
        }
        request.variables.after = extensions.eventId;
        seen.add(data.events.fullscriptId);
      },
      error: (e) => seen.errors.push(e),
      complete() {},
    });
    return { seen, stop };
  },

  // Apollo Client does not come back by itself.
  'Apollo Client': (address, after) => {
    const seen = new Seen();
    const client = new ApolloClient({ link: new HttpLink({ uri: address, headers: { authorization } }), cache: new InMemoryCache() });
    let stopped = false;
    let subscription;
    const watch = () => {
      const again = (e) => {
        if (CombinedProtocolErrors.is(e)) seen.closes.push(e.errors[0].extensions.code);
        subscription.unsubscribe();
        if (!stopped) setTimeout(watch, 10);
      };
      subscription = client.subscribe({ query: gql(query), variables: { after }, fetchPolicy: 'no-cache' }).subscribe({
        next({ data, error, extensions }) {
          if (error) return again(error);
          after = extensions.eventId;
          seen.add(data.events.fullscriptId);
        },
        error: again,
      });
    };
    watch();
    return {
      seen,
      stop() {
        stopped = true;
        subscription.unsubscribe();
        client.stop();
      },
    };
  },
};

/** Every event arrives once and in order, over 200 of them and 10 cuts. */
async function cuts(name) {
  const proxy = await new Proxy().listen(at(url));
  const [after] = await emit(1);
  const { seen, stop } = watchers[name](proxy.url, after);
  const ids = [];
  for (let i = 0; i < 10; i++) {
    ids.push(...(await emit(10)));
    if (i % 2 === 0) await seen.count(ids.length - 5); // else while it is not even back
    proxy.cut();
    ids.push(...(await emit(10)));
  }
  await seen.count(ids.length);
  stop();
  proxy.close();
  assert.deepEqual(seen.ids, ids);
  assert.deepEqual(seen.errors, []);
}

const children = [];
process.on('exit', () => children.forEach((c) => c.kill())); // also where something fails

/** Runs the program, and gives the part of its output that a pattern finds. */
async function run(pattern, ...args) {
  const child = spawn(process.env.GATEWAY, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = pattern.exec(line);
    if (found) {
      child.stdout.resume();
      return { child, found: found[1] };
    }
  }
  throw new Error(`${args[0]} did not start`);
}

/** A gateway is replaced by another, of whose events it has seen none. */
async function replaced() {
  const partner = await run(/partner API: (http\S+)/, 'sandbox', '--addr', '127.0.0.1:0');
  const gateway = () =>
    run(
      /"address":"([^"]+)"/, 'serve', '--addr', '127.0.0.1:0', '--admin-addr=', '--upstream', partner.found, '--log-format', 'json',
      '--webhook-secret', 'sandbox-webhook-secret', '--webhook-challenge', 'sandbox-challenge', '--drain-delay', '0s',
    );
  const first = await gateway();
  const proxy = await new Proxy().listen(at(first.found));
  await fetch(new URL('/_sandbox/webhooks', partner.found), { method: 'PUT', body: JSON.stringify({ url: new URL('/webhooks/fullscript', proxy.url) }) });
  const ids = await emit(1, partner.found);
  const running = Object.entries(watchers).map(([name, watch]) => ({ name, ...watch(proxy.url, ids[0]) }));
  ids.push(...(await emit(5, partner.found)));
  await Promise.all(running.map(({ seen }) => seen.count(5)));

  const second = await gateway();
  proxy.port = at(second.found);
  first.child.kill('SIGTERM');
  const [code] = await once(first.child, 'exit');
  assert.equal(code, 0, 'the first ends as it should');
  ids.push(...(await emit(5, partner.found)));
  await Promise.all(running.map(({ seen }) => seen.count(10)));
  for (const { name, seen, stop } of running) {
    assert.deepEqual(seen.ids, ids.slice(1), name);
    assert.deepEqual(seen.errors, [], name);
    assert.equal(seen.closes[0], name === 'graphql-ws' ? 1012 : 'SUBSCRIPTION_CLOSED', name);
    stop();
  }
  proxy.close();
  for (const { child } of [second, partner]) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** The codes of the protocol, as a client sees them. */
async function codes() {
  const init = '{"type":"connection_init"}';
  const subscribe = `{"type":"subscribe","id":"1","payload":{"query":"subscription { events { id } }"}}`;
  const payload = (p) => `{"type":"connection_init","payload":${p}}`;
  const withToken = payload(JSON.stringify({ Authorization: authorization }));
  for (const [what, code, protocols, ...messages] of [
    ['no JSON', 4400, ['graphql-transport-ws'], 'x'],
    ['an unknown type', 4400, ['graphql-transport-ws'], init, '{"type":"start"}'],
    ['a binary frame', 4400, ['graphql-transport-ws'], Buffer.from(init)],
    ['no ack yet', 4401, ['graphql-transport-ws'], subscribe],
    ['no token of a kind', 4403, ['graphql-transport-ws'], payload('{"Authorization":"Basic eA=="}')],
    ['two tokens', 4403, ['graphql-transport-ws'], payload('{"Authorization":"Bearer a","headers":{"authorization":"Bearer b"}}')],
    ['no subprotocol', 4406, []],
    ['the old subprotocol', 4406, ['graphql-ws']],
    ['no init', 4408, ['graphql-transport-ws']],
    ['an id twice', 4409, ['graphql-transport-ws'], withToken, subscribe, subscribe],
    ['init twice', 4429, ['graphql-transport-ws'], init, init],
  ]) {
    const socket = new WebSocket(socketOf(url), protocols);
    await once(socket, 'open');
    for (const m of messages) socket.send(m, { binary: Buffer.isBuffer(m) });
    const [got, reason] = await once(socket, 'close');
    assert.equal(got, code, `${what}: ${reason}`);
    assert.ok(reason.length > 0 && reason.length <= 123, what);
  }
}

for (const name of Object.keys(watchers)) {
  await cuts(name);
  console.log(`${name}: 200 events over 10 cuts, each once and in order`);
}
await replaced();
console.log('a gateway replaced by another: no event is missing');
await codes();
console.log('close codes of graphql-transport-ws: ok');
