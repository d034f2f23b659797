// Writes src/gql/graphcache.ts: the schema as Graphcache reads it, and its `keys` option for
// the types that have no id, which are parts of what they are in.
import { readFile, writeFile } from 'node:fs/promises';
import { buildSchema, introspectionFromSchema, isObjectType } from 'graphql';
import { minifyIntrospectionQuery } from '@urql/introspection';

const schema = buildSchema(await readFile('../../docs/schema.graphql', 'utf8'));
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
const parts = Object.values(schema.getTypeMap())
  .filter(t => isObjectType(t) && !t.name.startsWith('__') && !roots.includes(t) && !t.getFields().id)
  .map(t => t.name)
  .filter(name => !/(Connection|Edge)$/.test(name) && name !== 'PageInfo') // known to Graphcache
  .sort();

await writeFile(
  'src/gql/graphcache.ts',
  `// Made by scripts/graphcache-keys.mjs from the SDL.
export const schema = ${JSON.stringify(minifyIntrospectionQuery(introspectionFromSchema(schema)))} as const;

export const keys: Record<string, () => null> = {
${parts.map(name => `  ${name}: () => null,`).join('\n')}
};
`,
);
