// The gateway as a subgraph: composed by Apollo's composer with a subgraph of appointments, and
// asked through Apollo's own router for npm.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { composeServices } from '@apollo/composition';
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from '@apollo/gateway';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';

const url = process.env.GATEWAY_URL;
const token = 'Bearer sandbox-practitioner';
const patients = ['b1d36490-f250-49a7-8707-2133a9eaceab', 'b1eff91c-d35f-4e5c-8a7a-0958196c6f20', 'b1150088-0c0b-43d7-b6e2-29c89f3f7f89'];
const nobody = 'b1d36490-f250-49a7-8707-000000000000';

const calls = async () => (await (await fetch(new URL('/_sandbox/calls', url))).json()).calls;
const forget = () => fetch(new URL('/_sandbox/calls', url), { method: 'DELETE' });

// A clinic's own calendar, which knows patients by the partner's ids.
const calendar = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
  type Query { appointments(of: [ID!]): [Appointment!]! }
  type Appointment { at: String! patient: Patient }
  type Patient @key(fields: "fullscriptId") { fullscriptId: ID! appointments: [Appointment!]! }
`);
const appointment = (id, i) => ({ at: `2026-12-0${i + 1}`, patient: { fullscriptId: id } });
const all = patients.map(appointment);
const resolvers = {
  Query: { appointments: (_, { of }) => (of ? of.map(appointment) : all) },
  Patient: { __resolveReference: ({ fullscriptId }) => ({ fullscriptId, appointments: all.filter(a => a.patient.fullscriptId === fullscriptId) }) },
};

const sdl = execFileSync(process.env.GATEWAY, ['schema', '--federation'], { encoding: 'utf8' });
const served = await (
  await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: token }, body: JSON.stringify({ query: '{ _service { sdl } }' }) })
).json();
assert.equal(served.data._service.sdl, sdl, 'the endpoint tells the same as the command');

const composed = composeServices([
  { name: 'fullscript', url, typeDefs: parse(sdl) },
  { name: 'calendar', url: 'http://calendar.invalid', typeDefs: calendar },
]);
assert.deepEqual((composed.errors ?? []).map(e => e.message), []);

const asked = []; // what the router asks the gateway
const router = new ApolloGateway({
  supergraphSdl: composed.supergraphSdl,
  logger: { debug() {}, info() {}, warn: console.warn, error: console.error },
  buildService: ({ name }) =>
    name === 'calendar'
      ? new LocalGraphQLDataSource(buildSubgraphSchema({ typeDefs: calendar, resolvers }))
      : new RemoteGraphQLDataSource({
          url,
          willSendRequest({ request }) {
            asked.push(request.query);
            request.http.headers.set('authorization', token);
          },
        }),
});
const { executor } = await router.load();

async function ask(query, variables = {}) {
  asked.length = 0;
  await forget();
  const document = parse(query);
  const answer = await executor({ document, request: { query, variables }, queryHash: query, context: {}, metrics: {}, cache: new Map(), schema: router.schema, operationName: null, operation: document.definitions[0] });
  return JSON.parse(JSON.stringify(answer)); // with plain objects
}

// From the calendar to the patients: one request for all of them, one call for each.
let answer = await ask('{ appointments { at patient { id firstName lastName } } }');
assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
assert.deepEqual(answer.data.appointments.map(a => a.patient.id), patients.map(id => `Patient:${id}`));
assert.equal(answer.data.appointments[0].patient.firstName, 'Valentina');
assert.equal(asked.length, 1, `the router asked ${asked.length} times`);
assert.match(asked[0], /_entities/);
assert.deepEqual((await calls()).map(c => c.operation).sort(), ['getPatient', 'getPatient', 'getPatient']);

// Deeper: what several share is fetched once, as ever.
answer = await ask('{ appointments { patient { treatmentPlans(first: 3) { nodes { practitioner { lastName } } } } } }');
assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
assert.equal((await calls()).filter(c => c.operation === 'listPatientTreatmentPlans').length, 3);
assert.ok((await calls()).filter(c => c.operation === 'listPractitioners').length <= 1);

// From a patient to the calendar.
answer = await ask('query($id: ID!) { patient(id: $id) { firstName appointments { at } } }', { id: patients[1] });
assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
assert.deepEqual(answer.data.patient.appointments, [{ at: '2026-12-02' }]);

// Somebody who does not exist is null, and nobody else is lost.
answer = await ask('query($of: [ID!]) { appointments(of: $of) { patient { firstName } } }', { of: [patients[0], nobody] });
assert.deepEqual(answer.data.appointments.map(a => a.patient?.firstName ?? null), ['Valentina', null]);

// A mutation.
answer = await ask('mutation($input: UpdatePatientInput!) { updatePatient(input: $input) { patient { firstName appointments { at } } userErrors { message } } }', {
  input: { id: patients[0], firstName: 'Ada' },
});
assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
assert.deepEqual(answer.data.updatePatient.patient, { firstName: 'Ada', appointments: [{ at: '2026-12-01' }] });
console.log('federation: composed, and asked through the router');
await router.stop();
