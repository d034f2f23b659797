// Links to a query with its variables, never its headers. They travel in the
// fragment, which browsers do not send.
import { useState } from 'react';
import { ToolbarButton, useGraphiQL } from '@graphiql/react';
import { defaultHeaders } from './config.js';

/** The tab that the page's address asks for, if it does. */
export function linkedTab() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const query = fragment.get('query');
  if (!query) return undefined;
  history.replaceState(null, '', location.pathname + location.search); // a reload brings the tab back by itself
  return { query, variables: fragment.get('variables'), headers: defaultHeaders };
}

const LABELS = {
  ready: 'Copy link to query and variables',
  copied: 'Link copied',
  refused: 'The browser does not let this page copy', // over plain HTTP it does on localhost only
};

const SHAPES = {
  ready: 'M7.5 10.5a3.2 3.2 0 0 0 4.5 0l2.6-2.6a3.2 3.2 0 0 0-4.5-4.5L9 4.5M10.5 7.5a3.2 3.2 0 0 0-4.5 0l-2.6 2.6a3.2 3.2 0 0 0 4.5 4.5L9 13.5',
  copied: 'M3.5 9.5l4 4 7-9',
  refused: 'M4 4l10 10M14 4L4 14',
};

export function ShareButton() {
  const query = useGraphiQL(state => state.queryEditor);
  const variables = useGraphiQL(state => state.variableEditor);
  const [state, setState] = useState('ready');

  async function copy() {
    const fragment = new URLSearchParams({ query: query?.getValue() ?? '' });
    const values = variables?.getValue().trim();
    if (values) fragment.set('variables', values);
    const link = new URL(location.href);
    link.hash = fragment;
    try {
      await navigator.clipboard.writeText(link.href);
      setState('copied');
    } catch {
      setState('refused');
    }
    setTimeout(() => setState('ready'), 2000);
  }

  return (
    <ToolbarButton label={LABELS[state]} onClick={copy}>
      <svg className="graphiql-toolbar-icon" viewBox="0 0 18 18" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
        <path d={SHAPES[state]} />
      </svg>
    </ToolbarButton>
  );
}
