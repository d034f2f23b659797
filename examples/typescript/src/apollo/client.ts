import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { Defer20220824Handler } from '@apollo/client/incremental';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import type { DocumentNode } from 'graphql';
import { endpoint } from '../gateway';

// With trusted documents only their hashes are sent, which the gateway finds in its
// --persisted-manifest; codegen writes both.
const trusted = new PersistedQueryLink({
  generateHash: document => (document as DocumentNode & { __meta__: { hash: string } }).__meta__.hash,
});

export const client = new ApolloClient({
  link: ApolloLink.from([
    ...(import.meta.env.VITE_TRUSTED_DOCUMENTS ? [trusted] : []),
    new HttpLink({ uri: endpoint, credentials: 'include' }), // subscriptions, too
  ]),
  incrementalHandler: new Defer20220824Handler(),
  cache: new InMemoryCache({
    typePolicies: {
      // The arguments beside first and after tell lists apart.
      Query: { fields: { patients: relayStylePagination(['patientType']) } },
      Patient: { fields: { treatmentPlans: relayStylePagination(['orderBy']) } },
    },
  }),
});
