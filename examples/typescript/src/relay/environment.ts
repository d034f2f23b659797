import { createClient } from 'graphql-sse';
import { Environment, Network, Observable, RecordSource, Store } from 'relay-runtime';
import { endpoint } from '../gateway';

const streams = createClient({ url: endpoint, credentials: 'include' });

export const environment = new Environment({
  store: new Store(new RecordSource()),
  network: Network.create(
    async ({ text }, variables) => {
      const response = await fetch(endpoint, {
        method: 'POST',
        credentials: 'include',
        headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
        body: JSON.stringify({ query: text, variables }),
      });
      return response.json();
    },
    ({ text }, variables) =>
      Observable.create(sink =>
        streams.subscribe({ query: text!, variables }, { next: data => sink.next(data as never), error: e => sink.error(e as Error), complete: () => sink.complete() }),
      ),
  ),
});
