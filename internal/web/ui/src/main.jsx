import './workers.js';
import { useEffect, useRef } from 'react';
import { createRoot } from 'react-dom/client';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { explorerPlugin } from '@graphiql/plugin-explorer';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './page.css';
import { Account } from './account.jsx';
import { defaultHeaders, hasToken } from './config.js';
import { costPlugin } from './cost.jsx';
import { examplesPlugin } from './examples.jsx';
import { fetcher } from './fetcher.js';
import { ShareButton, linkedTab } from './share.jsx';
import { savedTabs, storage } from './storage.js';

const plugins = [examplesPlugin, costPlugin, explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN];
const start = savedTabs();
const linked = linkedTab();
if (linked) {
  start.tabs = [linked, ...start.tabs];
  start.active = 0;
}

/** Opens the tab that was open before a reload. */
function OpenTab() {
  const { changeTab } = useGraphiQLActions();
  const ready = useGraphiQL(state => Boolean(state.queryEditor && state.variableEditor && state.headerEditor && state.responseEditor));
  const done = useRef(false);
  useEffect(() => {
    if (!ready || done.current) return;
    done.current = true;
    if (start.active > 0) changeTab(start.active);
  }, [ready, changeTab]);
  return null;
}

/**
 * Where no token is prefilled, the one typed into any tab is filled into the
 * tabs that have none yet, and the schema is loaded with it if it could not be
 * loaded before.
 */
function ShareHeaders() {
  const { introspect } = useGraphiQLActions();
  const editor = useGraphiQL(state => state.headerEditor);
  const tab = useGraphiQL(state => state.activeTabIndex);
  const noSchema = useGraphiQL(state => !state.schema);
  const latest = useRef(defaultHeaders);

  useEffect(() => {
    if (!editor) return undefined;
    let timer;
    const listening = editor.onDidChangeModelContent(() => {
      const text = editor.getValue();
      if (text === defaultHeaders || text === '') return;
      latest.current = text;
      clearTimeout(timer);
      if (noSchema) timer = setTimeout(introspect, 800);
    });
    return () => {
      clearTimeout(timer);
      listening.dispose();
    };
  }, [editor, noSchema, introspect]);

  useEffect(() => {
    if (editor?.getValue() === defaultHeaders && latest.current !== defaultHeaders) editor.setValue(latest.current);
  }, [editor, tab]);
  return null;
}

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    storage={storage}
    shouldPersistHeaders={false}
    defaultHeaders={defaultHeaders}
    defaultTabs={start.tabs.length > 0 ? start.tabs : undefined}
    initialVariables={start.tabs[0]?.variables ?? undefined}
    initialHeaders={start.tabs[0]?.headers ?? undefined}
    defaultEditorToolsVisibility="headers"
    inputValueDeprecation
    schemaDescription
    plugins={plugins}
  >
    <GraphiQL.Logo>
      <Account />
      fsgateway
    </GraphiQL.Logo>
    <GraphiQL.Toolbar>
      {({ prettify, merge, copy }) => (
        <>
          {prettify}
          {merge}
          {copy}
          <ShareButton />
        </>
      )}
    </GraphiQL.Toolbar>
    <OpenTab />
    {!hasToken && <ShareHeaders />}
  </GraphiQL>,
);
