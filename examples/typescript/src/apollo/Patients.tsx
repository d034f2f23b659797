import { useQuery } from '@apollo/client/react';
import { type FragmentType, getFragmentData, graphql } from '../gql';

const patients = graphql(`
  query Patients($after: String) {
    patients(first: 12, after: $after) {
      totalCount
      edges {
        node {
          id
          ...PatientRow
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

const row = graphql(`
  fragment PatientRow on Patient {
    firstName
    lastName
    email
  }
`);

export function Patients({ selected, onSelect }: { selected: string | undefined; onSelect: (id: string) => void }) {
  const { data, error, loading, fetchMore } = useQuery(patients, { notifyOnNetworkStatusChange: true });
  const list = data?.patients;
  return (
    <section aria-label="Patients">
      <h2>Patients {list && <small>{list.totalCount}</small>}</h2>
      {error && <p role="alert">{error.message}</p>}
      <ul className="list">
        {list?.edges.map(
          edge =>
            edge.node && (
              <li key={edge.node.id}>
                <button aria-pressed={edge.node.id === selected} onClick={() => onSelect(edge.node!.id)}>
                  <Row patient={edge.node} />
                </button>
              </li>
            ),
        )}
      </ul>
      {list?.pageInfo.hasNextPage && (
        <button disabled={loading} onClick={() => fetchMore({ variables: { after: list.pageInfo.endCursor } })}>
          More
        </button>
      )}
    </section>
  );
}

function Row(props: { patient: FragmentType<typeof row> }) {
  const patient = getFragmentData(row, props.patient);
  return (
    <>
      <strong>
        {patient.firstName} {patient.lastName}
      </strong>
      <span>{patient.email}</span>
    </>
  );
}
