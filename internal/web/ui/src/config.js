// What the gateway wrote into the page: {endpoint, token, examples}.
const page = JSON.parse(document.getElementById('config').textContent);

/** Where queries go, absolute. */
export const endpoint = new URL(page.endpoint, document.baseURI).href;

/** What the headers editor starts with: the sandbox's token, or a place for one's own. */
export const defaultHeaders = JSON.stringify({ Authorization: `Bearer ${page.token ?? ''}` }, null, 2);

/** Whether there is a token to start with. */
export const hasToken = Boolean(page.token);

/** One tab for each example. */
export const exampleTabs = (page.examples ?? []).map(({ query, variables }) => ({
  query,
  variables: variables || null,
  headers: defaultHeaders,
}));
