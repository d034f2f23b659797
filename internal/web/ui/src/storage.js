// What the page keeps, and for how long. Headers hold tokens; queries,
// variables and answers may hold what is known of patients.
//
//   theme and layout      the browser's local storage
//   queries, variables    the session storage: they outlive a reload, not the browser's tab
//   the history           the same, without headers
//   everything else       memory: headers, answers
import { defaultHeaders, exampleTabs } from './config.js';

const LASTING = new Set(['theme', 'visiblePlugin', 'docExplorerFlex', 'editorFlex', 'secondaryEditorFlex']);
const HISTORY = new Set(['queries', 'favorites']);
const PREFIX = 'graphiql:';
const TABS = 'graphiql:tabs';

const memory = new Map();

const isLasting = key => LASTING.has(key.slice(PREFIX.length));
const isHistory = key => HISTORY.has(key.slice(PREFIX.length));

/** The storage that GraphiQL is given. */
export const storage = {
  getItem(key) {
    // Tabs come back as savedTabs below: GraphiQL cannot restore headers that were not kept.
    if (key === 'graphiql:tabState') return null;
    if (isHistory(key) && !memory.has(key)) memory.set(key, savedHistory(key));
    return (isLasting(key) ? quietly(() => localStorage.getItem(key)) : memory.get(key)) ?? null;
  },
  setItem(key, value) {
    if (key === 'graphiql:tabState') saveTabs(value);
    else if (isLasting(key)) quietly(() => localStorage.setItem(key, value));
    else memory.set(key, value);
    if (isHistory(key)) quietly(() => sessionStorage.setItem(key, withHeaders(value, undefined)));
  },
  removeItem(key) {
    memory.delete(key);
    if (isHistory(key)) quietly(() => sessionStorage.removeItem(key));
    if (isLasting(key)) quietly(() => localStorage.removeItem(key));
  },
  clear() {
    memory.clear();
    for (const key of [TABS, ...[...HISTORY].map(name => PREFIX + name)]) quietly(() => sessionStorage.removeItem(key));
    for (const key of LASTING) quietly(() => localStorage.removeItem(PREFIX + key));
  },
  get length() {
    return memory.size;
  },
};

/** The history of before a reload, with the headers that a new tab has. */
const savedHistory = key => quietly(() => withHeaders(sessionStorage.getItem(key), defaultHeaders));

/** A list of the history, {"queries": […]}, with other headers. */
function withHeaders(text, headers) {
  const [[name, items]] = Object.entries(JSON.parse(text));
  return JSON.stringify({ [name]: items.map(item => ({ ...item, headers })) });
}

function saveTabs(text) {
  const { tabs, activeTabIndex } = JSON.parse(text);
  const kept = tabs.map(({ query, variables }) => ({ query, variables }));
  quietly(() => sessionStorage.setItem(TABS, JSON.stringify({ tabs: kept, active: activeTabIndex })));
}

/** The tabs to start with: those of before a reload, else the examples. */
export function savedTabs() {
  const saved = quietly(() => JSON.parse(sessionStorage.getItem(TABS)));
  if (!Array.isArray(saved?.tabs) || saved.tabs.length === 0) return { tabs: exampleTabs, active: 0 };
  return {
    tabs: saved.tabs.map(({ query, variables }) => ({ query, variables, headers: defaultHeaders })),
    active: Math.min(Math.max(saved.active | 0, 0), saved.tabs.length - 1),
  };
}

// A browser may refuse storage, or be out of it; the page works without.
function quietly(f) {
  try {
    return f();
  } catch {
    return undefined;
  }
}
