// The clients that people use, each as it comes, against a running gateway: a
// query, a mutation and a paged read; what else is particular to one.
import assert from 'node:assert/strict';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { Defer20220824Handler } from '@apollo/client/incremental';
import { relayStylePagination } from '@apollo/client/utilities';
import { Client, cacheExchange, fetchExchange } from '@urql/core';

const url = process.env.GATEWAY_URL;
const headers = { authorization: 'Bearer sandbox-practitioner' };
const somebody = 'b1d36490-f250-49a7-8707-2133a9eaceab'; // has 60 plans

const clinic = 'query Clinic { clinic { id name } }';
const create = `mutation Create($input: CreatePatientInput!) {
  createPatient(input: $input) { patient { id firstName } userErrors { message } }
}`;
const page = `query Plans($id: ID!, $first: Int!, $after: String) {
  patient(id: $id) {
    id
    treatmentPlans(first: $first, after: $after) {
      totalCount
      edges { cursor node { id state } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;
const broken = 'query Broken { nothingOfTheKind }';
const slow = `query Slow {
  patients(first: 5) {
    nodes { id firstName ...Details @defer(label: "details") }
  }
}
fragment Details on Patient { dateOfBirth treatmentPlans(first: 2) { nodes { id state } } }`;
const input = (who) => ({ firstName: who, lastName: 'Client', email: `${who.toLowerCase()}@clients.example` });

// recorder keeps what a client sends and gets.
function recorder() {
  const seen = [];
  const record = async (address, init = {}) => {
    const res = await fetch(address, init);
    seen.push({
      method: init.method ?? 'GET',
      type: new Headers(init.headers).get('content-type'),
      accept: new Headers(init.headers).get('accept'),
      status: res.status,
      answered: res.headers.get('content-type'),
    });
    return res;
  };
  return { seen, record, last: () => seen.at(-1) };
}

function twoPages(first, second) {
  assert.equal(first.totalCount, 60);
  assert.equal(first.edges.length, 25);
  assert.equal(second.length, 25);
  assert.ok(first.pageInfo.hasNextPage);
  const ids = new Set([...first.edges, ...second].map((e) => e.node.id));
  assert.equal(ids.size, 50, 'a plan came twice');
}

async function apollo() {
  const { record, last } = recorder();
  const client = new ApolloClient({
    link: ApolloLink.from([new HttpLink({ uri: url, headers, fetch: record })]),
    cache: new InMemoryCache({ typePolicies: { Patient: { fields: { treatmentPlans: relayStylePagination() } } } }),
    incrementalHandler: new Defer20220824Handler(),
  });

  const { data } = await client.query({ query: gql(clinic) });
  assert.ok(data.clinic.name);
  assert.equal(last().method, 'POST');
  assert.match(last().answered, /^application\/graphql-response\+json; charset=utf-8$/);

  const created = await client.mutate({ mutation: gql(create), variables: { input: input('Apollo') } });
  assert.equal(created.data.createPatient.patient.firstName, 'Apollo');

  const plans = client.watchQuery({ query: gql(page), variables: { id: somebody, first: 25 } });
  const first = await new Promise((next, error) => {
    plans.subscribe({ next: (r) => r.dataState === 'complete' && next(r.data), error });
  });
  const more = await plans.fetchMore({ variables: { after: first.patient.treatmentPlans.pageInfo.endCursor } });
  twoPages(first.patient.treatmentPlans, more.data.patient.treatmentPlans.edges);
  const cached = client.readQuery({ query: gql(page), variables: { id: somebody, first: 25 } });
  assert.equal(cached.patient.treatmentPlans.edges.length, 50, 'the cache joins the pages');

  await assert.rejects(client.query({ query: gql(broken) }), (err) => CombinedGraphQLErrors.is(err) && err.errors[0].extensions.code === 'GRAPHQL_VALIDATION_FAILED');
  assert.equal(last().status, 400);

  const states = [];
  await new Promise((resolve, reject) => {
    client.watchQuery({ query: gql(slow) }).subscribe({
      next: (r) => {
        if (r.data) states.push(structuredClone(r.data.patients.nodes[0]));
        if (r.dataState === 'complete') resolve();
      },
      error: reject,
    });
  });
  assert.match(last().accept, /deferSpec=20220824/);
  assert.match(last().answered, /^multipart\/mixed;/);
  assert.ok(states[0].firstName && !('dateOfBirth' in states[0]) && !('treatmentPlans' in states[0]), `first came ${JSON.stringify(states[0])}`);
  assert.ok('dateOfBirth' in states.at(-1) && states.at(-1).treatmentPlans.nodes, `last came ${JSON.stringify(states.at(-1))}`);

  await assert.rejects(
    new Promise((resolve, reject) => {
      client.subscribe({ query: gql('subscription S { nothing }') }).subscribe({ next: (r) => (r.error ? reject(r.error) : resolve(r)), error: reject });
    }),
    (err) => CombinedGraphQLErrors.is(err),
    'a subscription that is refused is answered with a body that Apollo reads',
  );
  client.stop();
}

async function urql() {
  const { record, last } = recorder();
  const client = new Client({ url, exchanges: [cacheExchange, fetchExchange], fetchOptions: { headers }, fetch: record });

  const named = await client.query(clinic, {}).toPromise();
  assert.ok(named.data?.clinic.name, String(named.error));
  assert.equal(last().method, 'GET', "urql's default");
  assert.match(last().accept, /text\/event-stream/);
  assert.match(last().answered, /json/);

  const created = await client.mutation(create, { input: input('Urql') }).toPromise();
  assert.equal(created.data?.createPatient.patient.firstName, 'Urql', String(created.error));

  const first = await client.query(page, { id: somebody, first: 25 }).toPromise();
  const { treatmentPlans } = first.data.patient;
  const second = await client.query(page, { id: somebody, first: 25, after: treatmentPlans.pageInfo.endCursor }).toPromise();
  twoPages(treatmentPlans, second.data.patient.treatmentPlans.edges);

  const refused = await client.query(broken, {}).toPromise();
  assert.equal(refused.error?.graphQLErrors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
}

// relay is the network layer of Relay's documentation, which is a plain fetch.
async function relay() {
  async function fetchQuery(operation, variables) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query: operation.text, variables }),
    });
    return response.json();
  }
  const named = await fetchQuery({ text: clinic }, {});
  assert.ok(named.data.clinic.name);

  const created = await fetchQuery({ text: create }, { input: input('Relay') });
  assert.equal(created.data.createPatient.patient.firstName, 'Relay');

  const first = await fetchQuery({ text: page }, { id: somebody, first: 25, after: null });
  const { treatmentPlans } = first.data.patient;
  const refetched = await fetchQuery(
    {
      text: `query Refetch($id: ID!, $first: Int!, $after: String) {
        node(id: $id) { __typename id ... on Patient { treatmentPlans(first: $first, after: $after) { edges { cursor node { id __typename } } } } }
      }`,
    },
    { id: first.data.patient.id, first: 25, after: treatmentPlans.pageInfo.endCursor },
  );
  twoPages(treatmentPlans, refetched.data.node.treatmentPlans.edges);

  const refused = await fetchQuery({ text: broken }, {});
  assert.equal(refused.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
  assert.ok(!('data' in refused));
}

for (const client of [apollo, urql, relay]) {
  await client();
  console.log(`${client.name}: ok`);
}
