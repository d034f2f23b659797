import type { CodegenConfig } from '@graphql-codegen/cli';
import { addTypenameSelectionDocumentTransform } from '@graphql-codegen/client-preset';

// The gateway's scalars are all JSON strings. With strictScalars a new one is an error here,
// and not an any in the code.
const scalars = {
  ID: { input: 'string', output: 'string' },
  Date: 'string',
  DateTime: 'string',
  Decimal: 'string',
  EmailAddress: 'string',
  HTML: 'string',
  URL: 'string',
};

const config: CodegenConfig = {
  schema: '../../docs/schema.graphql',
  documents: ['src/apollo/**/*.tsx', 'src/urql/**/*.tsx'],
  generates: {
    'src/gql/': {
      preset: 'client',
      presetConfig: {
        fragmentMasking: { unmaskFunctionName: 'getFragmentData' },
        persistedDocuments: true, // src/gql/persisted-documents.json, for --persisted-manifest
      },
      config: { strictScalars: true, scalars, enumsAsTypes: true, useTypeImports: true },
      documentTransforms: [addTypenameSelectionDocumentTransform], // as both clients do before they send
    },
  },
};

export default config;
