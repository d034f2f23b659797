// The examples that are not tabs from the start: one for each field at the root, by area.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { areas, tabOf } from './config.js';

function Icon() {
  return (
    <svg viewBox="0 0 18 18" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
      <path d="M3 4h12M3 9h12M3 14h7" />
    </svg>
  );
}

function Examples() {
  const { addTab } = useGraphiQLActions();
  const editors = useGraphiQL(state => [state.queryEditor, state.variableEditor]);
  function open(example) {
    const { query, variables } = tabOf(example);
    addTab();
    editors[0]?.setValue(query);
    editors[1]?.setValue(variables ?? '');
    editors[0]?.focus();
  }
  return (
    <section className="page-examples">
      <h2 className="graphiql-doc-explorer-title">Examples</h2>
      {areas.map(({ name, examples }) => (
        <details key={name}>
          <summary>{name}</summary>
          <ul>
            {examples.map(example => (
              <li key={example.name}>
                <button type="button" className="graphiql-un-styled" onClick={() => open(example)}>
                  {example.name}
                </button>
              </li>
            ))}
          </ul>
        </details>
      ))}
    </section>
  );
}

export const examplesPlugin = { title: 'Examples', icon: Icon, content: Examples };
