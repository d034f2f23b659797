// The same list with urql and its normalised cache, Graphcache.
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Client, fetchExchange, Provider, useMutation, useQuery, useSubscription } from 'urql';
import { endpoint } from '../gateway';
import { graphql } from '../gql';
import { keys, schema } from '../gql/graphcache';
import { SignedIn } from '../session';
import '../style.css';

const client = new Client({
  url: endpoint,
  preferGetMethod: false, // a cookie counts with Content-Type: application/json, which a GET has not got
  fetchOptions: { credentials: 'include' },
  fetchSubscriptions: true, // by server-sent events, at the same address
  exchanges: [
    cacheExchange({
      schema,
      keys,
      resolvers: { Query: { patients: relayPagination() } },
      updates: {
        Mutation: {
          createPatient: (_result, _args, cache) => {
            for (const { fieldName, arguments: args } of cache.inspectFields('Query')) {
              if (fieldName === 'patients') cache.invalidate('Query', fieldName, args);
            }
          },
        },
      },
    }),
    fetchExchange,
  ],
});

const patients = graphql(`
  query Names($after: String) {
    patients(first: 12, after: $after) {
      totalCount
      edges {
        node {
          id
          firstName
          lastName
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const create = graphql(`
  mutation Create($input: CreatePatientInput!) {
    createPatient(input: $input) {
      patient {
        id
        firstName
        lastName
      }
      userErrors {
        field
        code
        message
      }
    }
  }
`);

const updated = graphql(`
  subscription NamesUpdated {
    patientUpdated {
      event {
        id
      }
      patient {
        id
        firstName
        lastName
      }
    }
  }
`);

function Patients() {
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, error, fetching }] = useQuery({ query: patients, variables: { after } });
  useSubscription({ query: updated }); // Graphcache takes over what it brings
  const list = data?.patients;
  return (
    <section aria-label="Patients">
      <h2>Patients {list && <small>{list.totalCount}</small>}</h2>
      {error && <p role="alert">{error.message}</p>}
      <ul className="list">
        {list?.edges.map(edge => edge.node && <li key={edge.node.id}>{edge.node.firstName} {edge.node.lastName}</li>)}
      </ul>
      {list?.pageInfo.hasNextPage && <button disabled={fetching} onClick={() => setAfter(list.pageInfo.endCursor ?? null)}>More</button>}
    </section>
  );
}

function Create() {
  const [{ data, error, fetching }, run] = useMutation(create);
  const problems = data?.createPatient?.userErrors ?? [];
  return (
    <section aria-label="New patient">
      <h2>New patient</h2>
      <form
        action={async form => {
          const text = (name: string) => String(form.get(name) ?? '');
          await run({ input: { firstName: text('firstName'), lastName: text('lastName'), email: text('email') } });
        }}
      >
        <label>First name <input name="firstName" /></label>
        <label>Last name <input name="lastName" /></label>
        <label>Email <input name="email" /></label>
        <button disabled={fetching}>Add</button>
      </form>
      {error && <p role="alert">{error.message}</p>}
      {problems.map(p => <p role="alert" key={p.message}>{p.message}</p>)}
      {data?.createPatient?.patient && <p role="status">Added {data.createPatient.patient.firstName} {data.createPatient.patient.lastName}.</p>}
    </section>
  );
}

createRoot(document.getElementById('root')!).render(
  <SignedIn title="urql and Graphcache">
    <Provider value={client}>
      <Patients />
      <Create />
    </Provider>
  </SignedIn>,
);
