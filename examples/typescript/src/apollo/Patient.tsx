import { useMutation, useQuery } from '@apollo/client/react';
import { useState } from 'react';
import { type FragmentType, getFragmentData, graphql, isFragmentReady } from '../gql';

// The plans are there at once. What they recommend takes a call for each plan and variant, and
// follows.
const chart = graphql(`
  query Patient($id: ID!, $after: String) {
    patient(id: $id) {
      id
      firstName
      lastName
      dateOfBirth
      treatmentPlans(first: 3, after: $after) {
        totalCount
        edges {
          node {
            id
            state
            ...Products @defer
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

const products = graphql(`
  fragment Products on TreatmentPlan {
    recommendations {
      unitsToPurchase
      variant {
        id
        sku
        msrp
        product {
          id
          name
          brand {
            id
            name
          }
        }
      }
    }
  }
`);

const rename = graphql(`
  mutation Rename($input: UpdatePatientInput!) {
    updatePatient(input: $input) {
      patient {
        id
        firstName
      }
      userErrors {
        field
        message
      }
    }
  }
`);

export function Patient({ id }: { id: string }) {
  const { data, dataState, error, fetchMore } = useQuery(chart, { variables: { id } });
  if (error && !data) return <p role="alert">{error.message}</p>;
  const patient = data?.patient;
  if (!patient) return <p>…</p>;
  const plans = patient.treatmentPlans;
  return (
    <section aria-label="Chart" aria-busy={dataState !== 'complete'}>
      <h2>
        {patient.firstName} {patient.lastName} <small>{patient.dateOfBirth}</small>
      </h2>
      <Rename key={`${id} ${patient.firstName}`} id={id} firstName={patient.firstName ?? ''} />
      <h3>
        Treatment plans <small>{plans?.totalCount}</small>
      </h3>
      {plans?.edges.map(
        ({ node }) =>
          node && (
            <article key={node.id}>
              <h4>{node.state}</h4>
              {isFragmentReady(chart, products, node) ? <Products plan={node} /> : <p>…</p>}
            </article>
          ),
      )}
      {plans?.pageInfo.hasNextPage && <button onClick={() => fetchMore({ variables: { after: plans.pageInfo.endCursor } })}>More plans</button>}
    </section>
  );
}

function Products(props: { plan: FragmentType<typeof products> }) {
  const plan = getFragmentData(products, props.plan);
  return (
    <ul className="products">
      {plan.recommendations?.map(({ variant, unitsToPurchase }, i) => (
        <li key={i}>
          <strong>{variant?.product?.name}</strong>
          <span>
            {variant?.product?.brand?.name} · {unitsToPurchase} × {variant?.msrp}
          </span>
        </li>
      ))}
    </ul>
  );
}

// The answer has the id, so the cache changes the name wherever it is shown.
function Rename({ id, firstName }: { id: string; firstName: string }) {
  const [name, setName] = useState(firstName);
  const [run, { data, error, loading }] = useMutation(rename);
  const problems = data?.updatePatient?.userErrors.map(e => e.message) ?? [];
  if (error) problems.push(error.message);
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        run({ variables: { input: { id, firstName: name } } }).catch(() => {}); // shown below
      }}
    >
      <label>
        First name <input value={name} onChange={e => setName(e.target.value)} />
      </label>
      <button disabled={loading}>Save</button>
      {problems.map(p => (
        <p role="alert" key={p}>
          {p}
        </p>
      ))}
    </form>
  );
}
