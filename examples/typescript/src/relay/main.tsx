// The same list with Relay: fragments beside components, @connection, @refetchable, and node.
import { Suspense, useMemo } from 'react';
import { createRoot } from 'react-dom/client';
import { graphql, RelayEnvironmentProvider, useLazyLoadQuery, usePaginationFragment, useRefetchableFragment, useSubscription } from 'react-relay';
import { SignedIn } from '../session';
import '../style.css';
import type { main_card$key } from './__generated__/main_card.graphql';
import type { main_patients$key } from './__generated__/main_patients.graphql';
import type { mainQuery } from './__generated__/mainQuery.graphql';
import type { mainUpdatedSubscription } from './__generated__/mainUpdatedSubscription.graphql';
import { environment } from './environment';

function App() {
  const data = useLazyLoadQuery<mainQuery>(
    graphql`
      query mainQuery {
        ...main_patients
      }
    `,
    {},
  );
  useSubscription<mainUpdatedSubscription>(
    useMemo(
      () => ({
        variables: {},
        subscription: graphql`
          subscription mainUpdatedSubscription {
            patientUpdated {
              patient {
                id
                firstName
                lastName
              }
            }
          }
        `,
      }),
      [],
    ),
  );
  return <Patients query={data} />;
}

function Patients({ query }: { query: main_patients$key }) {
  const { data, hasNext, isLoadingNext, loadNext } = usePaginationFragment(
    graphql`
      fragment main_patients on Query @refetchable(queryName: "mainMoreQuery") @argumentDefinitions(count: { type: "Int", defaultValue: 12 }, cursor: { type: "String" }) {
        patients(first: $count, after: $cursor) @connection(key: "main_patients") {
          totalCount
          edges {
            node {
              id
              ...main_card
            }
          }
        }
      }
    `,
    query,
  );
  return (
    <section aria-label="Patients">
      <h2>
        Patients <small>{data.patients?.totalCount}</small>
      </h2>
      <ul className="list">{data.patients?.edges.map(edge => edge.node && <Card key={edge.node.id} patient={edge.node} />)}</ul>
      {hasNext && (
        <button disabled={isLoadingNext} onClick={() => loadNext(12)}>
          More
        </button>
      )}
    </section>
  );
}

// The details of a patient take a call, so that they are asked for one at a time: Relay
// refetches the fragment by node(id).
function Card({ patient }: { patient: main_card$key }) {
  const [data, refetch] = useRefetchableFragment(
    graphql`
      fragment main_card on Patient @refetchable(queryName: "mainCardQuery") @argumentDefinitions(details: { type: "Boolean", defaultValue: false }) {
        firstName
        lastName
        dateOfBirth @include(if: $details)
      }
    `,
    patient,
  );
  return (
    <li>
      <button onClick={() => refetch({ details: true })}>
        <strong>
          {data.firstName} {data.lastName}
        </strong>
        <span>{data.dateOfBirth ?? 'show date of birth'}</span>
      </button>
    </li>
  );
}

createRoot(document.getElementById('root')!).render(
  <SignedIn title="Relay">
    <RelayEnvironmentProvider environment={environment}>
      <Suspense fallback={<p>…</p>}>
        <App />
      </Suspense>
    </RelayEnvironmentProvider>
  </SignedIn>,
);
