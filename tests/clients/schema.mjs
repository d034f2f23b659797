// What graphql-eslint (its recommended and its Relay rules) and graphql-inspector say of
// docs/schema.graphql. A finding fails unless it is excused here, with the reason; so does an
// excuse that nothing needs any more.
//
//   node schema.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import graphql from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';
import { buildSchema } from 'graphql';

const file = '../../docs/schema.graphql';
const sdl = await readFile(new URL(file, import.meta.url), 'utf8');

const part = 'is a part of what it is in: the partner gives it no id, and it cannot be fetched';
const event = 'is what happened; the event around it has the id';
const excused = {
  'strict-id-in-types': {
    Address: part, Dosage: part, FulfillmentShipment: part, LabAggregatedResult: part, LabRecommendation: part, LabRecommendationTest: part, LabResult: part,
    LineItem: part, ProductSnapshot: part, ProtocolRecommendation: part, Recommendation: part, SessionGrantUser: part, ShippedSku: part,
    FulfillmentShipmentEventData: event, LabOrderEventData: event, LabOrderUpdate: event, OrderEventData: event, OrderUpdate: event, PatientEventData: event,
    PatientUpdate: event, ProductEventData: event, ProductUpdate: event, TreatmentPlanEventData: event, TreatmentPlanUpdate: event, UnknownEventData: event,
    WebhookDelivery: 'one attempt to deliver an event, which the partner does not number',
    DynamicLink: 'an address that is made once and never fetched',
    InOfficeCheckout: 'an address that is made once and never fetched',
    SessionGrant: 'a secret that is made once and never fetched',
    PageInfo: 'the Relay specification has none',
    UserError: 'what is wrong with an input',
    RateLimit: 'there is one, that of the caller',
    Viewer: 'there is one, the caller',
  },
  'relay-edge-types': {
    AddressEdge: 'addresses have no id, so that they are no Node',
    ExternalIdMatchEdge: 'the node is a union of types that are all Nodes',
    WebhookDeliveryEdge: 'attempts to deliver have no id, so that they are no Node',
  },
  'no-typename-prefix': {
    address1: 'with address2, what the partner and every address form call it',
    address2: 'see address1',
    orderNumber: 'what is printed on receipts; `number` would read as a count',
    treatmentPlanText: 'what the patient reads, as the partner calls it',
  },
  'naming-convention': {
    PractitionerType: 'what kind of practitioner, a record of its own at the partner: its name, not a suffix',
    SupplementType: 'the form of a supplement: its name, not a suffix',
  },
};

const found = [];
const used = new Set();
const eslint = new ESLint({
  overrideConfigFile: true,
  overrideConfig: {
    files: ['**/*.graphql'],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: new URL(file, import.meta.url).pathname } } },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // Rows are also listed as `nodes`, and short lists that the partner sends whole are no connections.
      '@graphql-eslint/relay-edge-types': ['error', { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false }],
      '@graphql-eslint/strict-id-in-types': ['error', { acceptedIdNames: ['id'], acceptedIdTypes: ['ID'], exceptions: { suffixes: ['Connection', 'Edge', 'Payload'] } }],
    },
  },
});
const lines = sdl.split('\n');
for (const { messages } of await eslint.lintText(sdl, { filePath: 'schema.graphql' })) {
  for (const { ruleId, message, line } of messages) {
    const rule = ruleId?.replace('@graphql-eslint/', '');
    const name = Object.keys(excused[rule] ?? {}).find(name => message.includes(`"${name}"`) || new RegExp(`^type ${name}\\b`).test(lines[line - 1]));
    if (name) used.add(`${rule} ${name}`);
    else found.push(`docs/schema.graphql:${line}: ${rule}: ${message}`);
  }
}
for (const [rule, names] of Object.entries(excused)) {
  for (const name of Object.keys(names)) if (!used.has(`${rule} ${name}`)) found.push(`schema.mjs: nothing needs the excuse ${rule} of ${name}`);
}

/** What in a schema breaks clients of the one before. */
const breaking = async (before, after) =>
  (await diff(buildSchema(before), buildSchema(after))).filter(c => c.criticality.level === CriticalityLevel.Breaking).map(c => c.message);

// The comparison works: a field that is gone, and an argument that is new and required.
const gone = await breaking(sdl, sdl.replace(/^ {2}rateLimit: RateLimit$/m, '  limit: RateLimit').replace(/^ {2}clinic: Clinic\b/m, '  clinic(of: ID!): Clinic'));
assert.deepEqual(gone.length, 2, `a break was not noticed: ${gone}`);

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 });
let tag = '';
try {
  tag = git('describe', '--tags', '--abbrev=0', '--match', 'v*').trim();
} catch {
  console.log('nothing was released yet that clients could depend on');
}
if (tag) for (const message of await breaking(git('show', `${tag}:docs/schema.graphql`), sdl)) found.push(`breaks clients of ${tag}: ${message}`);

for (const text of found) console.error(text);
console.log(`${lines.length} lines of schema, ${used.size} excuses, ${found.length} findings`);
process.exit(found.length > 0 ? 1 : 0);
