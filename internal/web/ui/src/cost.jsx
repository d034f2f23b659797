// What the last operation cost, what the one in the editor would, wave by wave, and what the
// codes of errors mean.
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useGraphiQL } from '@graphiql/react';
import { endpoint } from './config.js';
import { last, watch, withoutEmptyToken } from './fetcher.js';

function Icon() {
  return (
    <svg viewBox="0 0 18 18" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
      <path d="M3 15V9M9 15V3M15 15v-4" />
    </svg>
  );
}

const figures = [
  ['upstreamCalls', 'calls to the partner'],
  ['roundTrips', 'round trips in a row'],
  ['cacheHits', 'spared by answers that were kept'],
  ['coalesced', 'spared by the same call under way'],
  ['estimatedCalls', 'estimated'],
  ['maximumCalls', 'at most'],
];

function Cost() {
  const answer = useSyncExternalStore(watch, last);
  return (
    <section className="page-cost">
      <h2 className="graphiql-doc-explorer-title">Cost</h2>
      {answer?.cost ? (
        <table aria-label="Cost of the last operation">
          <tbody>
            {figures.map(([name, text]) => (
              <tr key={name}>
                <td>{answer.cost[name]}</td>
                <th scope="row">{text}</th>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p>Run a query or a mutation to see what it costs.</p>
      )}
      <Codes codes={answer?.codes ?? []} />
      <Explain />
    </section>
  );
}

/** What the codes of the answer's errors mean, as docs/errors.md says. */
function Codes({ codes }) {
  const [meanings, setMeanings] = useState({});
  useEffect(() => {
    if (codes.length === 0) return;
    fetch('errors.md')
      .then(response => response.text())
      .then(text => setMeanings(Object.fromEntries([...text.matchAll(/^\| `(\w+)` \| (.*?) \| (.*?) \|$/gm)].map(([, code, when]) => [code, when]))), () => {});
  }, [codes]);
  if (codes.length === 0) return null;
  return (
    <>
      <h3>Errors</h3>
      <dl>
        {codes.map(code => (
          <div key={code}>
            <dt>
              <a href={`errors.md#${code}`} target="_blank" rel="noreferrer">
                {code}
              </a>
            </dt>
            <dd>{meanings[code]}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** The plan of the operation in the editor, which is not run. */
function Explain() {
  const [query, variables, headers, operationName] = useGraphiQL(s => [s.queryEditor, s.variableEditor, s.headerEditor, s.operationName]);
  const [plan, setPlan] = useState();
  async function explain() {
    try {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: {
          ...withoutEmptyToken(JSON.parse(headers?.getValue() || '{}')),
          'Content-Type': 'application/json',
          Accept: 'application/graphql-response+json',
          'X-Gateway-Dry-Run': '1',
        },
        body: JSON.stringify({ query: query?.getValue(), variables: JSON.parse(variables?.getValue() || '{}'), operationName }),
      });
      const { errors, extensions } = await response.json();
      setPlan(errors ? { problem: errors[0].message } : extensions);
    } catch (error) {
      setPlan({ problem: String(error.message) });
    }
  }
  return (
    <>
      <button type="button" className="graphiql-button" onClick={explain}>
        Explain
      </button>
      {plan?.problem && <p role="alert">{plan.problem}</p>}
      {plan?.plan && <Waves {...plan} />}
    </>
  );
}

function Waves({ plan, cost }) {
  const widest = Math.max(1, ...plan.flat().map(calls => calls.estimatedCalls));
  return (
    <>
      <p>
        {cost.estimatedCalls} calls, at most {cost.maximumCalls}, in {plan.length} {plan.length === 1 ? 'wave' : 'waves'}. Nothing was run.
      </p>
      <ol className="page-waves" aria-label="Waves of calls">
        {plan.map((wave, i) => (
          <li key={i}>
            {wave.map(calls => (
              <div key={calls.operation}>
                <meter min="0" max={widest} value={calls.estimatedCalls} aria-hidden="true" />
                <strong>
                  {calls.estimatedCalls} × {calls.operation}
                </strong>
                <span>
                  {calls.fields.join(', ')}
                  {calls.becauseListsLack && `: lists lack ${calls.becauseListsLack.join(', ')}`}
                </span>
              </div>
            ))}
          </li>
        ))}
      </ol>
    </>
  );
}

export const costPlugin = { title: 'Cost', icon: Icon, content: Cost };
